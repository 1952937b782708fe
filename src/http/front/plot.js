// Small plots: a line over its area, from values that are as far apart as each other. The numbers stand beside them.

import { draw } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

// A plot with `update(values)`; `max` is what its top stands for at least.
export function plot(className, max = 1) {
  const area = draw("path", { class: "area" });
  const line = draw("path", { class: "line" });
  const element = draw("svg", {
    class: `plot ${className}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true",
  }, area, line);
  return Object.assign(element, {
    update(values) {
      const top = Math.max(max, ...values);
      const step = WIDTH / Math.max(1, values.length - 1);
      const point = (value, index) => `${(index * step).toFixed(1)} ${(HEIGHT - 2 - (value / top) * (HEIGHT - 5)).toFixed(1)}`;
      const path = `M${values.map(point).join("L")}`;
      line.setAttribute("d", values.length > 1 ? path : "");
      area.setAttribute("d", values.length > 1 ? `${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}z` : "");
    },
  });
}
