// The page in a notebook cell: an iframe of its own origin's blob, so that page and notebook share no names or styles.
// model: html, height (from Python); selected, kept (from the page: row numbers).
function render({ model, el }) {
  const frame = document.createElement("iframe");
  let address = null;
  const show = () => {
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([model.get("html")], { type: "text/html" }));
    frame.src = address;
  };
  const size = () => {
    frame.style.height = `${model.get("height")}px`;
  };
  Object.assign(frame.style, { width: "100%", border: "1px solid #8884", borderRadius: "8px" });
  frame.title = "Galaxies on a map, their light and lines";
  const hear = (e) => {
    const told = e.source === frame.contentWindow ? e.data?.starglow : undefined;
    if (!told) return;
    model.set("selected", told.selected);
    model.set("kept", told.kept);
    model.save_changes();
  };
  addEventListener("message", hear);
  model.on("change:html", show);
  model.on("change:height", size);
  size();
  show();
  el.append(frame);
  return () => {
    removeEventListener("message", hear);
    URL.revokeObjectURL(address);
  };
}
export default { render };
