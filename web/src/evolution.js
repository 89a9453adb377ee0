// Growth of lines with redshift and of widths outside the domain (src/model/{evolution,joint}.cpp).
import { independent, lineNames } from "./lines.js";

/** "0.31: HALPHA 1.3 0.3, ..." and the components that grow, or null. */
export function evolutionOf(metadata) {
  if (!metadata.evolution) return null;
  const [begin, lines] = metadata.evolution.split(":"),
    out = {
      z0: Number(begin),
      components: Number(metadata["evolution.components"] ?? 0),
      halpha: independent.indexOf(lineNames.indexOf("HALPHA")),
      power: new Float64Array(independent.length),
      width: new Float64Array(independent.length),
    };
  for (const item of lines.split(",")) {
    const [name, power, width] = item.trim().split(/\s+/),
      j = independent.indexOf(lineNames.indexOf(name));
    out.power[j] = Number(power);
    out.width[j] = Number(width);
  }
  return out;
}

const activeEw = 8; // A of Halpha: include/starglow/model/joint.hpp

/** The share of the growth that a component has, by its mean t of Halpha. */
function growthShare(t) {
  if (!(t > 0)) return 0;
  if (t > 100) return 1;
  const ew2 = Math.sinh(t) ** 2;
  return ew2 / (ew2 + activeEw ** 2);
}

/** Changes mean and sd (components x lines) of a distribution as Adjustment of include/starglow/model/joint.hpp. */
export function adjust(d, evolution, { z, widen }) {
  const r = evolution && z > evolution.z0 && Number.isFinite(z) ? Math.log((1 + z) / (1 + evolution.z0)) : 0;
  const N = d.mean.length / d.components;
  for (let k = 0; k < d.components; ++k) {
    const grows = r > 0 && k < evolution.components,
      own = grows ? r * growthShare(d.mean[k * N + evolution.halpha]) : 0;
    for (let j = 0; j < N; ++j) {
      const at = k * N + j;
      if (grows) {
        const s = evolution.power[j] * own,
          mean = d.mean[at],
          far = Math.abs(mean) >= 300; // there sinh may overflow, and t is ln(2 EW)
        const moved = far ? mean + Math.sign(mean) * s : Math.asinh(Math.exp(s) * Math.sinh(mean));
        const slope = far ? 1 : (Math.exp(s) * Math.cosh(mean)) / Math.cosh(moved);
        d.mean[at] = moved;
        d.sd[at] = Math.hypot(d.sd[at] * slope, evolution.width[j] * own * Math.tanh(moved));
      }
      d.sd[at] *= widen;
    }
  }
}
