"use strict";
// Searches and filters the rows of lists in this page. Without it every row is listed.
(() => {
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  for (const form of document.querySelectorAll(".find")) {
    const list = document.getElementById(form.dataset.list);
    const rows = [...list.querySelectorAll("tbody tr")].map((row) => [row, plain(row.textContent), (row.dataset.is || "").split(" ")]);
    const search = form.querySelector("input");
    const kinds = form.querySelector("select");
    const said = form.querySelector("output");
    const folded = [...list.querySelectorAll("details")];
    const wereOpen = folded.map((part) => part.open);

    const show = () => {
      const words = plain(search.value).split(/\s+/).filter(Boolean);
      const kind = kinds.value;
      let count = 0;
      for (const [row, text, is] of rows) {
        const matches = (!kind || is.includes(kind)) && words.every((word) => text.includes(word));
        row.hidden = !matches;
        if (matches) count++;
      }
      const isFiltered = Boolean(kind || words.length);
      folded.forEach((part, n) => (part.open = isFiltered || wereOpen[n]));
      said.textContent = isFiltered ? `${count} of ${rows.length} shown` : `${rows.length} in all`;
    };
    form.hidden = false;
    form.addEventListener("input", show);
    addEventListener("pageshow", show); // a browser may restore what was typed
    show();
  }
})();
