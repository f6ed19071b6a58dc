// What is sold and what is held of a capacity, as a bar that the server drew.
export function bar(svg, { capacity, sold, held }) {
  const percent = (n) => `${capacity ? (100 * n) / capacity : 0}%`;
  const [soldPart, heldPart] = svg.querySelectorAll("[data-part]");
  soldPart.setAttribute("width", percent(sold));
  heldPart.setAttribute("x", percent(sold));
  heldPart.setAttribute("width", percent(held));
}
