"use strict";
(() => {
  const PAGE = 50, DASH = "\u2013", SVG = "http://www.w3.org/2000/svg";
  const byId = id => document.getElementById(id);
  const make = (tag, text, attributes) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  };

  const copyButton = text => {
    const button = make("button", "Copy", {type: "button"});
    const say = word => {
      button.textContent = word;
      button.setAttribute("aria-label", `${word}: ${text}`);
    };
    say("Copy");
    button.addEventListener("click", async () => {
      let done = false;
      try {
        await navigator.clipboard.writeText(text);
        done = true;
      } catch {
        const area = make("textarea", text);
        document.body.append(area);
        area.select();
        done = document.execCommand("copy");
        area.remove();
      }
      say(done ? "Copied" : "Press Ctrl+C");
      setTimeout(() => say("Copy"), 2000);
    });
    return button;
  };
  const command = text => {
    const box = make("div", undefined, {class: "command"});
    const pre = make("pre", undefined, {tabindex: "0"});
    pre.append(make("code", text));
    box.append(pre, copyButton(text));
    return box;
  };
  for (const code of document.querySelectorAll(".command code, .advice code"))
    code.closest(".command, .advice").append(copyButton(code.textContent));

  const source = byId("trials-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const columns = data.columns, shown = columns.filter(column => column.shown);
  const column = key => columns.find(entry => entry.key === key);
  const value = (entry, row) => entry.names ? entry.names[entry.values[row]] : entry.values[row];

  const written = (entry, row) => {
    const found = value(entry, row);
    if (found === null || found === "") return DASH;
    if (entry.text) return found;
    if (entry.digits !== null) return found.toFixed(entry.digits);
    if (found !== 0 && (Math.abs(found) < 1e-3 || Math.abs(found) >= 1e5))
      return found.toExponential(2).replace("e+", "e");
    return String(Number(found.toPrecision(3)));
  };

  const table = byId("trials-table"), body = table.tBodies[0];
  let order = Array.from({length: data.rows}, (_, row) => row);
  let rows = order, page = 0, sorted = null, down = false;

  const curve = row => {
    const points = (data.curves[row] || []).filter(point => point !== null);
    if (points.length < 2) return null;
    const low = Math.min(...points), high = Math.max(...points), box = make("div");
    const label = `${data.quantity} over the epochs: from ${points[0]} to ${points[points.length - 1]}, lowest ${low}`;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 320 66");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("class", "s-correct");
    line.setAttribute("vector-effect", "non-scaling-stroke");
    line.setAttribute("points", points.map((point, k) =>
      `${(2 + 316 * k / (points.length - 1)).toFixed(1)},${(62 - 58 * (point - low) / (high - low || 1)).toFixed(1)}`).join(" "));
    svg.append(line);
    box.append(svg, make("p", label, {class: "help"}));
    return box;
  };

  const details = row => {
    const line = make("tr", undefined, {class: "detail"});
    const cell = make("td", undefined, {colspan: String(shown.length)});
    const list = make("dl");
    for (const entry of columns) {
      if (entry.shown || written(entry, row) === DASH) continue;
      const pair = make("div");
      pair.append(make("dt", entry.label), make("dd", written(entry, row)));
      list.append(pair);
    }
    cell.append(list);
    const drawn = curve(row);
    if (drawn) cell.append(drawn);
    if (data.rerun && value(column("state"), row) !== "failed")
      cell.append(command(`${data.rerun} --trial ${value(column("number"), row)}`));
    line.append(cell);
    return line;
  };

  const draw = () => {
    const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
    page = Math.min(Math.max(page, 0), last);
    const start = page * PAGE, part = rows.slice(start, start + PAGE);
    body.replaceChildren(...part.map(row => {
      const line = make("tr");
      shown.forEach((entry, place) => {
        if (place) return line.append(make("td", written(entry, row), entry.text ? {} : {class: "number"}));
        const head = make("th", undefined, {scope: "row", class: "number"});
        const button = make("button", written(entry, row), {type: "button", "aria-expanded": "false"});
        button.setAttribute("aria-label", `Trial ${button.textContent}, details`);
        button.addEventListener("click", () => {
          const open = button.getAttribute("aria-expanded") === "true";
          button.setAttribute("aria-expanded", String(!open));
          if (open) line.nextSibling.remove();
          else line.after(details(row));
        });
        head.append(button);
        line.append(head);
      });
      return line;
    }));
    const count = number => number.toLocaleString("en");
    byId("trials-status").textContent = rows.length
      ? `${count(start + 1)}\u2013${count(start + part.length)} of ${count(rows.length)}`
      : "no trial fits";
    byId("trials-back").disabled = page === 0;
    byId("trials-next").disabled = page === last;
  };

  const test = word => {
    const parts = /^(.+?)(<=|>=|<|>|=)(-?[\d.]+(?:e[+-]?\d+)?)$/i.exec(word);
    if (parts) {
      const name = parts[1].toLowerCase(), bound = Number(parts[3]);
      const entry = columns.find(c => !c.text && [c.key, c.label].some(n => n.toLowerCase().replaceAll(" ", "_") === name));
      if (!entry) return () => false;
      const compare = {"<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b}[parts[2]];
      return row => entry.values[row] !== null && compare(entry.values[row], bound);
    }
    if (/^\d+$/.test(word)) return row => column("number").values[row] === Number(word);
    const texts = columns.filter(entry => entry.text);
    return row => texts.some(entry => String(value(entry, row)).toLowerCase().includes(word));
  };

  const select = () => {
    const tests = byId("trials-filter").value.toLowerCase().split(/\s+/).filter(Boolean).map(test);
    const state = byId("trials-state").value, states = column("state");
    rows = order.filter(row => (!state || value(states, row) === state) && tests.every(fits => fits(row)));
    if (sorted) {
      const sign = down ? -1 : 1, empty = found => found === null || found === "";
      rows.sort((a, b) => {
        const x = value(sorted, a), y = value(sorted, b);
        if (empty(x) || empty(y)) return empty(x) - empty(y) || a - b;
        return (x < y ? -sign : x > y ? sign : 0) || a - b;
      });
    }
    page = 0;
    draw();
  };

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = make("button", head.textContent, {type: "button"});
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const entry = shown[place];
      if (sorted !== entry) [sorted, down] = [entry, false];
      else if (!down) down = true;
      else [sorted, down] = [null, false];
      heads.forEach(other => other.removeAttribute("aria-sort"));
      if (sorted) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      select();
    });
  });
  byId("trials-filter").addEventListener("input", select);
  byId("trials-state").addEventListener("change", select);
  byId("trials-controls").addEventListener("submit", event => event.preventDefault());
  byId("trials-back").addEventListener("click", () => { page -= 1; draw(); });
  byId("trials-next").addEventListener("click", () => { page += 1; draw(); });
  document.addEventListener("keydown", event => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    byId("trials-filter").focus();
  });
  byId("trials-static").hidden = true;
  byId("trials-controls").hidden = byId("trials-help").hidden = false;
  draw();
})();
