/* What is folded on the screen is printed unfolded, and what a link leads to is unfolded first. */

(() => {
  const unfold = (node) => {
    for (let one = node && node.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
  };
  const follow = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    unfold(target);
    target.scrollIntoView({ block: "start" });
  };

  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));
  window.addEventListener("hashchange", follow);
  follow();

  document.querySelectorAll("[data-unfold]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const all = [...document.getElementById(button.dataset.unfold).querySelectorAll("details")];
      const open = all.some((one) => !one.open);
      all.forEach((one) => { one.open = open; });
    });
  });
})();
