// A list of which only the rows in sight exist, however long it is.
class RowList {
  // box: the element; rowHeight: pixels; make(item, index): a row's element.
  constructor(box, rowHeight, make) {
    Object.assign(this, { box, rowHeight, make, items: [], rows: new Map(), all: false, waiting: false });
    const update = () => this.soon();
    addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update, { passive: true });
  }

  show(items) {
    this.items = items;
    this.redraw();
  }

  redraw() {
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.box.style.height = `${this.items.length * this.rowHeight}px`;
    this.draw();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  // Paper has no scroll bar: all rows are made before printing.
  whole(all) {
    this.all = all;
    this.redraw();
  }

  draw() {
    const top = -this.box.getBoundingClientRect().top;
    const spare = 6;
    const first = this.all ? 0 : Math.max(Math.floor(top / this.rowHeight) - spare, 0);
    const inSight = Math.ceil((top + innerHeight) / this.rowHeight) + spare;
    const last = this.all ? this.items.length : Math.min(inSight, this.items.length);
    for (const [index, row] of this.rows) {
      if (index < first || index >= last) { row.remove(); this.rows.delete(index); }
    }
    const fresh = document.createDocumentFragment();
    for (let index = first; index < last; index += 1) {
      if (this.rows.has(index)) continue;
      const row = this.make(this.items[index], index);
      row.style.transform = `translateY(${index * this.rowHeight}px)`;
      row.setAttribute("aria-setsize", this.items.length);
      row.setAttribute("aria-posinset", index + 1);
      this.rows.set(index, row);
      fresh.append(row);
    }
    this.box.append(fresh);
  }

  // Bring a row into sight and give it the focus.
  focus(index) {
    if (!this.items.length) return;
    const at = Math.min(Math.max(index, 0), this.items.length - 1);
    const top = this.box.getBoundingClientRect().top + at * this.rowHeight;
    const head = 150;
    if (top < head) scrollBy(0, top - head);
    if (top + this.rowHeight > innerHeight) scrollBy(0, top + this.rowHeight - innerHeight + 8);
    this.draw();
    this.rows.get(at)?.focus({ preventScroll: true });
  }
}
