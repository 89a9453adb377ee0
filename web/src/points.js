// The points of the map in WebGL2: one draw call, colours from a palette texture, a mix of two states while they
// change.

const vertex = `#version 300 es
in vec2 place; in float first, second, mark;
uniform vec4 view;   // scale, then shift, to clip coordinates
uniform float mixing, size, selecting, layer;
out float u; out float state;   // state: 0 a value, 1 no value, 2 not selected
void main() {
  bool selected = selecting < 0.5 || mark > 0.5;
  bool there = place.x > -1e29 && (selected == (layer > 0.5));
  gl_Position = there ? vec4(place * view.xy + view.zw, 0.0, 1.0) : vec4(9.0, 9.0, 9.0, 1.0);
  bool a = first > -1e29, b = second > -1e29;
  float none = mixing > 0.5 ? (b ? 0.0 : 1.0) : (a ? 0.0 : 1.0);
  float from = a ? clamp(first, 0.0, 1.0) : clamp(second, 0.0, 1.0), to = b ? clamp(second, 0.0, 1.0) : from;
  u = mix(from, to, mixing);
  state = selected ? none : 2.0;
  gl_PointSize = state > 0.5 ? size * 0.8 : size;
}`;
const fragment = `#version 300 es
precision highp float;
in float u; in float state;
uniform sampler2D palette; uniform vec4 quiet, faint; uniform float soft, classes;
out vec4 colour;
void main() {
  vec2 d = gl_PointCoord * 2.0 - 1.0;
  // Classes have a shape too: disc, square, triangle.
  float shape = classes > 0.5 && state < 0.5 ? floor(u * 2.0 + 0.5) : 0.0;
  float r = shape > 1.5 ? max(d.y + 0.1, abs(d.x) * 1.1 - d.y * 0.6 + 0.1) * 1.15
    : shape > 0.5 ? max(abs(d.x), abs(d.y)) * 1.2 : length(d);
  if (r > 1.0) discard;
  float edge = clamp((1.0 - r) * soft, 0.0, 1.0);
  vec4 c = state > 1.5 ? faint : state > 0.5 ? quiet
    : vec4(texture(palette, vec2(u * (255.0 / 256.0) + 0.5 / 256.0, 0.5)).rgb, 0.92);
  colour = vec4(c.rgb * c.a * edge, c.a * edge);
}`;

const absent = -1e30;
const moving = 50000; // points drawn while the map moves

export class Points {
  constructor(canvas, n) {
    const gl = canvas.getContext("webgl2", {
      antialias: false,
      alpha: true,
      premultipliedAlpha: true,
      preserveDrawingBuffer: true,
    });
    if (!gl) throw new Error("This browser has no WebGL2, which the map needs.");
    Object.assign(this, { canvas, gl, n });
    // A fixed shuffle: no galaxy lies on top because of its row, and any first part is a fair sample.
    this.order = new Uint32Array(n).map((_, i) => i);
    let state = 1;
    for (let i = n - 1; i > 0; --i) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const j = Math.floor((state / 2 ** 32) * (i + 1)),
        keep = this.order[i];
      this.order[i] = this.order[j];
      this.order[j] = keep;
    }
    this.build();
    canvas.addEventListener("webglcontextlost", (e) => e.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.build();
      this.restore?.();
    });
  }
  build() {
    const { gl } = this,
      program = gl.createProgram();
    for (const [type, text] of [
      [gl.VERTEX_SHADER, vertex],
      [gl.FRAGMENT_SHADER, fragment],
    ]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
        throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    this.program = program;
    this.uniforms = Object.fromEntries(
      ["view", "mixing", "size", "selecting", "layer", "quiet", "faint", "soft", "classes"].map((name) => [
        name,
        gl.getUniformLocation(program, name),
      ]),
    );
    this.buffers = {};
    for (const [name, size] of /** @type {[string, number][]} */ ([
      ["place", 2],
      ["first", 1],
      ["second", 1],
      ["mark", 1],
    ])) {
      const at = gl.getAttribLocation(program, name),
        buffer = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, this.n * size * 4, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, gl.FLOAT, false, 0, 0);
      this.buffers[name] = buffer;
    }
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const [key, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.LINEAR],
      [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ])
      gl.texParameteri(gl.TEXTURE_2D, key, value);
  }
  upload(name, get, size = 1) {
    const data = new Float32Array(this.n * size);
    for (let k = 0; k < this.n; ++k)
      for (let c = 0; c < size; ++c) {
        const v = get(this.order[k], c);
        data[k * size + c] = Number.isFinite(v) ? v : absent;
      }
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, data);
  }
  setPlaces(x, y) {
    this.upload("place", (i, c) => (c ? y[i] : x[i]), 2);
  }
  /** The state that is seen (first) and the one that it turns into (second), places on the colour bar. */
  setValues(first, second) {
    this.upload("first", (i) => first[i]);
    this.upload("second", (i) => second[i]);
  }
  setMarks(marks) {
    this.upload("mark", (i) => marks[i]);
  }
  setPalette(rgb) {
    const { gl } = this;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, rgb);
  }
  clear() {
    this.gl.clearColor(0, 0, 0, 0);
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
  }
  /** look: {view: [sx, sy, tx, ty], mixing, size (device pixels), selecting, quiet, faint, fast} */
  draw(look) {
    const { gl, uniforms: u } = this,
      count = look.fast ? Math.min(this.n, moving) : this.n;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    this.clear();
    gl.useProgram(this.program);
    gl.uniform4fv(u.view, look.view);
    gl.uniform1f(u.mixing, look.mixing);
    gl.uniform1f(u.size, look.size);
    gl.uniform1f(u.soft, look.size / 2);
    gl.uniform1f(u.selecting, look.selecting ? 1 : 0);
    gl.uniform1f(u.classes, look.classes ? 1 : 0);
    gl.uniform4fv(u.quiet, look.quiet);
    gl.uniform4fv(u.faint, look.faint);
    for (const layer of look.selecting ? [0, 1] : [1]) {
      gl.uniform1f(u.layer, layer);
      gl.drawArrays(gl.POINTS, 0, count);
    }
  }
}
