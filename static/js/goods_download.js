// Fetches bought goods by stream, shows progress, goes on after a break, and computes the SHA-256 of what arrived.
// Without this script the same forms download the file and take a digest that was computed elsewhere.

import { sha256 } from "../vendor/noble-hashes-2.4.0/sha2.js";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** One file: what arrived so far, and the hash over it. */
class Goods {
  constructor(box) {
    this.box = box;
    this.size = Number(box.dataset.size);
    this.progress = box.querySelector("progress");
    this.status = box.querySelector(".goods-status");
    this.restart();
  }

  restart() {
    this.hash = sha256.create();
    this.received = 0;
    this.pieces = [];
    this.sink = null;
  }

  tell(words) {
    this.box.querySelector(".goods-progress").hidden = false;
    this.progress.value = this.size ? (100 * this.received) / this.size : 0;
    this.status.textContent = words;
  }

  /** Where the file is written: a file the reader chooses, where the browser can, else memory. */
  async open() {
    if (this.sink || this.received || !window.showSaveFilePicker) return;
    const handle = await window.showSaveFilePicker({ suggestedName: this.box.dataset.name });
    this.sink = await handle.createWritable();
  }

  async take(piece) {
    if (this.sink) await this.sink.write(piece);
    else this.pieces.push(piece);
    this.hash.update(piece);
    this.received += piece.length;
    this.tell(`${this.box.dataset.going}: ${Math.floor(this.progress.value)} %`);
  }

  async fetch(form) {
    const leave = await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "follow", headers: this.range() });
    if (!leave.ok || !leave.body || !leave.headers.get("Repr-Digest")) {
      form.submit(); // refused: let the page say why
      return;
    }
    if (this.received && leave.status !== 206) {
      if (this.sink) await this.sink.truncate(0);
      this.restart();
    }
    const reader = leave.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) await this.take(part.value);
    if (this.received === this.size) await this.finish();
    else this.tell(this.box.dataset.broken);
  }

  range() {
    return this.received ? { Range: `bytes=${this.received}-`, "If-Range": `"${this.box.dataset.sha256}"` } : {};
  }

  async finish() {
    if (this.sink) await this.sink.close();
    else this.save(new Blob(this.pieces));
    this.conclude(hex(this.hash.digest()));
    this.restart();
    this.progress.value = 100;
  }

  save(blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = this.box.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  /** Say whether the digest is the listed one, and put it where the reader confirms it. */
  conclude(digest) {
    this.received = this.size;
    this.tell(digest === this.box.dataset.sha256 ? this.box.dataset.same : this.box.dataset.other);
    const field = this.box.querySelector(".goods-receipt input[name$='sha256']");
    if (field) field.value = digest;
  }

  /** The digest of a file that was saved before. */
  async check(file) {
    const hash = sha256.create();
    const reader = file.stream().getReader();
    let read = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      hash.update(part.value);
      read += part.value.length;
      this.progress.value = (100 * read) / file.size;
    }
    this.conclude(hex(hash.digest()));
  }
}

for (const box of document.querySelectorAll("[data-goods]")) {
  const goods = new Goods(box);
  const form = box.querySelector(".goods-download");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await goods.open();
      await goods.fetch(form);
    } catch {
      goods.tell(box.dataset.broken);
    } finally {
      button.disabled = false;
    }
  });
  const check = box.querySelector(".goods-check");
  if (check) {
    check.hidden = false;
    check.querySelector("input").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) goods.check(file);
    });
  }
}
