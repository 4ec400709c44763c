"use strict";
/* Lets a reader zoom and move the diagrams of a page. Without it they are pictures that can be scrolled. */

(() => {
  const STEP = 1.25;
  const LEAST = 0.05;
  const MOST = 8;
  const LEGIBLE = 0.6;
  const HIGH = 0.8; // of the window, as the style sheet lets a diagram be

  /** Gives one diagram its buttons, its keys, and its answers to wheel and mouse. */
  function zoomable(figure) {
    const canvas = figure.querySelector(".canvas");
    const svg = canvas.querySelector("svg");
    const box = svg && svg.viewBox.baseVal;
    if (!box || !box.width || figure.querySelector(".tools")) return;
    const full = { width: svg.width.baseVal.value || box.width, height: svg.height.baseVal.value || box.height };
    let scale = 1;
    let fitted = false;

    /** Shows the drawing at a scale, and keeps what lies under a point of the canvas where it is. */
    function show(wanted, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
      const next = Math.min(MOST, Math.max(LEAST, wanted));
      const left = (canvas.scrollLeft + x) / scale;
      const top = (canvas.scrollTop + y) / scale;
      scale = next;
      svg.setAttribute("width", full.width * scale);
      svg.setAttribute("height", full.height * scale);
      canvas.scrollLeft = left * scale - x;
      canvas.scrollTop = top * scale - y;
      shown.textContent = `${Math.round(100 * scale)} %`;
    }

    /** The scales at which it is as wide as the page, but no larger than it was drawn; and at which all of it is seen. */
    const wide = () => Math.min(1, Math.max(canvas.clientWidth, 1) / full.width);
    const all = () => Math.min(wide(), (HIGH * window.innerHeight) / full.height);

    /** Makes all of it fit on the screen where that leaves it legible, else its width. */
    function fit() {
      show(all() < LEGIBLE ? wide() : all(), 0, 0);
      fitted = true;
    }

    function whole() {
      show(all(), 0, 0);
      fitted = false;
    }

    const zoom = (factor) => (x, y) => {
      fitted = false;
      show(scale * factor, x, y);
    };
    const nearer = zoom(STEP);
    const farther = zoom(1 / STEP);
    const actual = () => {
      fitted = false;
      show(1);
    };

    const tools = document.createElement("div");
    tools.className = "tools";
    const button = (word, name, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = word;
      made.setAttribute("aria-label", name);
      made.title = name;
      made.addEventListener("click", () => act());
      tools.append(made);
    };
    button("+", "Zoom in", nearer);
    button("−", "Zoom out", farther);
    button("Fit", "Fit the diagram to the page", fit);
    button("Whole", "Fit the whole diagram on the screen", whole);
    button("1:1", "Show the diagram at its full size", actual);
    const shown = document.createElement("output");
    shown.className = "faint small";
    const hint = document.createElement("span");
    hint.className = "faint small";
    hint.textContent = "Ctrl + wheel zooms, dragging moves; in the diagram the keys + − 0 and the arrows do the same.";
    tools.append(shown, hint);
    figure.prepend(tools);

    const keys = { "+": nearer, "=": nearer, "-": farther, 0: fit };
    canvas.addEventListener("keydown", (event) => {
      const act = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });

    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const at = canvas.getBoundingClientRect();
        (event.deltaY < 0 ? nearer : farther)(event.clientX - at.left, event.clientY - at.top);
      },
      { passive: false },
    );

    let from = null;
    let moved = false;
    canvas.classList.add("grab");
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      from = { x: event.clientX, y: event.clientY, left: canvas.scrollLeft, top: canvas.scrollTop };
      moved = false;
    });
    window.addEventListener("pointermove", (event) => {
      if (!from) return;
      const x = event.clientX - from.x;
      const y = event.clientY - from.y;
      if (!moved && Math.hypot(x, y) < 4) return;
      moved = true;
      canvas.classList.add("grabbed");
      canvas.scrollLeft = from.left - x;
      canvas.scrollTop = from.top - y;
    });
    window.addEventListener("pointerup", () => {
      from = null;
      canvas.classList.remove("grabbed");
    });
    /* A drag that ends on a node is no click on its link; and links are not dragged as such. */
    canvas.addEventListener("click", (event) => moved && event.preventDefault(), true);
    canvas.addEventListener("dragstart", (event) => event.preventDefault());

    new ResizeObserver(() => fitted && fit()).observe(canvas);
    fit();
  }

  /** Makes the diagrams under a node zoomable; those that are already stay as they are. */
  window.zoomDiagrams = (root = document) => root.querySelectorAll(".diagram").forEach(zoomable);
  window.zoomDiagrams();
})();
