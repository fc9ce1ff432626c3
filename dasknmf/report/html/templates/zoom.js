// A box of a tree is chosen: it takes the whole width, with what is in it and what it is in. Without this the tree is whole.
for (const tree of document.querySelectorAll(".tree")) {
  const nodes = [...tree.querySelectorAll(".node")].map((box) => {
    const rect = box.querySelector("rect"), text = box.querySelector("text");
    return { box, rect, text, left: +box.dataset.left, width: +box.dataset.width, x: rect.x.baseVal.value,
             across: rect.width.baseVal.value, genes: box.querySelector("title").textContent.split("Leading genes: ")[1] };
  });
  const scale = nodes[0].across / nodes[0].width, start = nodes[0].x - scale * nodes[0].left;
  const back = document.createElement("button");
  let chosen = null;
  // Leading genes, one a line, as many as the box has room for.
  const label = (one, x, across) => {
    const room = Math.floor(one.rect.height.baseVal.value / 12), size = 10;
    const lines = (one.genes || "").split(", ").filter((gene) => gene.length * size * 0.68 < across).slice(0, room);
    const made = document.createElementNS("http://www.w3.org/2000/svg", "text");
    const [red, green, blue] = getComputedStyle(one.rect).fill.match(/\d+/g).map(Number);
    made.setAttribute("class", "label");
    made.setAttribute("fill", 0.3 * red + 0.59 * green + 0.11 * blue > 140 ? "#222" : "#fff");
    lines.forEach((gene, line) => {
      const span = document.createElementNS("http://www.w3.org/2000/svg", "tspan");
      span.setAttribute("x", x + across / 2);
      span.setAttribute("y", one.rect.y.baseVal.value + 35 + 12 * (line + 0.85 - lines.length / 2));
      span.textContent = gene;
      made.append(span);
    });
    one.box.append(made);
  };
  const show = (node) => {
    chosen = node;
    const [left, width] = node ? [node.left, node.width] : [0, 1];
    tree.querySelectorAll(".label").forEach((made) => made.remove());
    for (const one of nodes) {
      const from = Math.max(0, (one.left - left) / width), to = Math.min(1, (one.left + one.width - left) / width);
      const x = node ? start + scale * from : one.x, across = node ? scale * (to - from) : one.across;
      one.box.style.display = !node || to - from > 1e-6 ? "" : "none";
      one.rect.setAttribute("x", x);
      one.rect.setAttribute("width", Math.max(0, across));
      if (one.text) one.text.style.display = node ? "none" : "";
      if (node && to - from > 1e-6) label(one, x, across);
    }
    for (const arc of tree.querySelectorAll(".partners")) arc.style.display = node ? "none" : "";
    back.hidden = !node;
  };
  for (const node of nodes) {
    const choose = () => show(chosen === node ? null : node);
    node.box.setAttribute("tabindex", "0");
    node.box.addEventListener("click", choose);
    node.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); }
      if (event.key === "Escape") show(null);
    });
  }
  back.textContent = "Show the whole tree";
  back.hidden = true;
  back.addEventListener("click", () => show(null));
  tree.classList.add("zooms");
  tree.prepend(back);
}
