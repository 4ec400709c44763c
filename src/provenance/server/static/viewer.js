"use strict";
/* What the viewer's pages do more smoothly with JavaScript. All of it works without: by links and forms. */

(() => {
  /** Puts a slider over the dates at which something was recorded, and the present; letting go of it leads there. */
  function slide(place) {
    const marks = place.dataset.marks.split(" ");
    const last = marks.length - 1;
    const now = Number(place.dataset.place);
    const slider = document.createElement("input");
    const told = document.createElement("output");
    Object.assign(slider, { type: "range", min: 0, max: last, step: 1, value: Math.max(now, 0) });
    slider.setAttribute("aria-label", "Date that is looked at, from record to record");
    const words = (mark) => `${mark.slice(0, 10)} ${mark.slice(11, 19)} UTC`;
    const tell = (leadsToNow) => {
      const mark = words(marks[slider.value]);
      told.textContent = leadsToNow && Number(slider.value) === last ? `now; last record ${mark}` : mark;
      slider.setAttribute("aria-valuetext", told.textContent);
    };
    slider.addEventListener("input", () => tell(true));
    slider.addEventListener("change", () => {
      const there = new URL(location.href);
      if (Number(slider.value) === last) there.searchParams.delete("as_of");
      else there.searchParams.set("as_of", marks[slider.value]);
      location.assign(there);
    });
    place.append(slider, told);
    tell(!new URL(location.href).searchParams.get("as_of"));
  }

  const part = () => document.querySelector("[data-swappable]");
  let asked = 0;

  /** Draws another state of the lineage in place; the reader stays where they are on the page and in the diagram. */
  async function swap(address, keep) {
    const old = part();
    const turn = ++asked;
    const was = canvasOf(old);
    const seen = was && { left: was.scrollLeft, top: was.scrollTop };
    old.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-swappable]");
      if (turn !== asked) return;
      if (!answer.ok || !fresh) {
        location.assign(address);
        return;
      }
      if (keep) history.pushState({ swapped: true }, "", address);
      old.replaceWith(document.adoptNode(fresh));
      window.zoomDiagrams?.(fresh);
      const canvas = canvasOf(fresh);
      if (canvas && seen) Object.assign(canvas, { scrollLeft: seen.left, scrollTop: seen.top });
      redate(page);
    } catch {
      location.assign(address);
    }
  }

  const canvasOf = (within) => within.querySelector(".canvas");

  /** The date's form and links carry the state of the page along: they are taken over with it. */
  function redate(page) {
    for (const field of ["form.dates", "form.filter"]) {
      const [old, fresh] = [document.querySelector(field), page.querySelector(field)];
      if (!old || !fresh) continue;
      old.replaceWith(document.adoptNode(fresh));
      document.querySelectorAll(`${field} .slider`).forEach(slide);
    }
  }

  /** Whether a link leads to another state of this very page. */
  function staysHere(link) {
    const there = new URL(link.href?.baseVal ?? link.href, location.href);
    return there.origin === location.origin && there.pathname === location.pathname && !there.hash ? there.href : null;
  }

  document.addEventListener("click", (event) => {
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const link = event.target.closest?.("[data-swappable] a");
    if (!plain || event.defaultPrevented || !link || !part()) return;
    const address = staysHere(link);
    if (!address) return;
    event.preventDefault();
    swap(address, true);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form.filter") || !part()) return;
    event.preventDefault();
    const there = new URL(form.action);
    there.search = new URLSearchParams(new FormData(form)).toString();
    swap(there.href, true);
  });

  window.addEventListener("popstate", () => {
    if (part()) swap(location.href, false);
  });

  document.querySelectorAll(".slider").forEach(slide);
})();
