// Filter expressions: HALPHA_EW > 20 and Z < 0.15, not (FLAGS != 0), abs(...), and/or/not, + - * /, parentheses.
// Parsed here and walked as a tree; nothing is ever handed to the browser as code.

const functions = {
  abs: Math.abs,
  log10: Math.log10,
  sqrt: Math.sqrt,
  asinh: Math.asinh,
  isnan: (x) => Number.isNaN(x),
};
const maxLength = 400,
  maxDepth = 40;

export function parseFilter(text) {
  if (text.length > maxLength) throw new Error(`the filter is longer than ${maxLength} characters`);
  const tokens = text.match(/\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|[A-Za-z_][A-Za-z0-9_]*|<=|>=|==|!=|[-+*/()<>]|\S/g) ?? [];
  let at = 0,
    depth = 0;
  const names = new Set();
  const fail = (wanted) => {
    throw new Error(`${tokens[at] === undefined ? "the filter ends" : `'${tokens[at]}'`} where ${wanted} should stand`);
  };
  const word = (w) => tokens[at]?.toLowerCase() === w && (++at, true);
  const chain = (next, operators) => () => {
    let left = next();
    while (at < tokens.length && Object.hasOwn(operators, tokens[at])) {
      const apply = operators[tokens[at++]],
        a = left,
        b = next();
      left = (get) => apply(a(get), b(get));
    }
    return left;
  };
  const unary = () => {
    if (tokens[at] === "-") {
      ++at;
      const a = unary();
      return (get) => -a(get);
    }
    return primary();
  };
  const primary = () => {
    const token = tokens[at];
    if (token === undefined) fail("a number or a column");
    if (/^[\d.]/.test(token) && !Number.isNaN(Number(token))) {
      ++at;
      const v = Number(token);
      return () => v;
    }
    if (token === "(") {
      if (++depth > maxDepth) throw new Error("the parentheses are nested too deeply");
      ++at;
      const inner = or();
      if (tokens[at] !== ")") fail("')'");
      ++at;
      --depth;
      return inner;
    }
    if (/^[A-Za-z_]/.test(token) && !["and", "or", "not"].includes(token.toLowerCase())) {
      ++at;
      if (tokens[at] === "(" && Object.hasOwn(functions, token)) {
        const inner = primary(),
          f = functions[token];
        return (get) => f(inner(get));
      }
      names.add(token);
      return (get) => get(token);
    }
    return fail("a number or a column");
  };
  const product = chain(unary, { "*": (a, b) => a * b, "/": (a, b) => a / b });
  const sum = chain(product, { "+": (a, b) => a + b, "-": (a, b) => a - b });
  const comparison = chain(sum, {
    "<": (a, b) => a < b,
    ">": (a, b) => a > b,
    "<=": (a, b) => a <= b,
    ">=": (a, b) => a >= b,
    "==": (a, b) => a === b,
    "!=": (a, b) => a !== b,
  });
  const not = () => {
    if (word("not")) {
      if (++depth > maxDepth) throw new Error("too many nots");
      const a = not();
      --depth;
      return (get) => !a(get);
    }
    return comparison();
  };
  const and = () => {
    let a = not();
    while (word("and")) {
      const l = a,
        r = not();
      a = (get) => l(get) && r(get);
    }
    return a;
  };
  function or() {
    let a = and();
    while (word("or")) {
      const l = a,
        r = and();
      a = (get) => l(get) || r(get);
    }
    return a;
  }
  const test = or();
  if (at < tokens.length) fail("and, or or the end");
  return { test, names: [...names] };
}
