"use strict";
(() => {
  const table = document.getElementById("rows");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const find = document.getElementById("find");
  const pick = document.getElementById("pick");
  const count = document.getElementById("count");
  const show = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      const fits = (pick.value === "" || row.dataset.status === pick.value)
        && words.every((word) => texts[i].includes(word));
      row.hidden = !fits;
      if (fits) shown += 1;
    });
    count.textContent = shown + " / " + rows.length;
  };
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const sort = (head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const order = rows.slice().sort((a, b) => {
      const x = value(a, column), y = value(b, column);
      if (typeof x === "number" && typeof y === "number") return sign * (x - y);
      return sign * String(x).localeCompare(String(y));
    });
    body.append(...order);
  };
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    // No button: browsers leave those out where a table's head is repeated on paper.
    const button = document.createElement("span");
    button.className = "sort";
    button.tabIndex = 0;
    button.setAttribute("role", "button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort(head, column);
    });
    head.append(button);
  });
  find.addEventListener("input", show);
  pick.addEventListener("change", show);
  document.getElementById("again").addEventListener("click", () => {
    find.value = "";
    pick.value = "";
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    body.append(...rows);
    show();
  });
  document.getElementById("controls").hidden = false;
  show();
})();
