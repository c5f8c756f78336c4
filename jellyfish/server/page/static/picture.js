// A camera's newest picture with the boxes of that very frame.

import { drawAreas, drawBoxes, sized } from "./boxes.js";

export class Picture {
  /** `root` holds a canvas .shot and a canvas .boxes. */
  constructor(root) {
    this._shot = root.querySelector(".shot");
    this._boxes = root.querySelector(".boxes");
    this._newest = null; // the bitmap and its answer that are shown
    this._next = null; // what came while another was decoded: only the newest
    this._busy = false;
    this.areas = []; // zones and masks, as drawAreas takes them
    this.place = null; // where the picture is on the canvas
  }

  /** Show a JPEG and what is found in it, as soon as it is decoded. */
  async show(answer, jpeg) {
    this._next = { answer, jpeg };
    if (this._busy) return;
    this._busy = true;
    try {
      while (this._next !== null) {
        const { answer: newest, jpeg: bytes } = this._next;
        this._next = null;
        this._put(await createImageBitmap(new Blob([bytes], { type: "image/jpeg" })), newest);
      }
    } catch (error) {
      if (error.name !== "InvalidStateError" && error.name !== "EncodingError") throw error; // what no browser can decode
    } finally {
      this._busy = false;
    }
  }

  /** The same picture as another place shows. */
  copy(other) {
    if (other._newest !== null) this._put(other._newest.bitmap, other._newest.answer);
  }

  /** Draw anew: the place may have another size. */
  redraw() {
    if (this._newest === null || this._shot.clientWidth === 0) return;
    const { bitmap, answer } = this._newest;
    const { context, width, height } = sized(this._shot);
    const place = (this.place = containing(bitmap.width, bitmap.height, width, height));
    context.clearRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, place.left, place.top, place.width, place.height);
    const over = sized(this._boxes);
    over.context.clearRect(0, 0, over.width, over.height);
    drawAreas(over.context, this.areas, place);
    drawBoxes(over.context, answer.detections ?? [], place);
  }

  get shown() {
    return this._newest !== null;
  }

  clear() {
    this._newest = null;
    for (const canvas of [this._shot, this._boxes]) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  _put(bitmap, answer) {
    this._newest = { bitmap, answer };
    this.redraw();
  }
}

/** Where a picture is that fits whole into a place. */
export function containing(pictureWidth, pictureHeight, width, height) {
  const scale = Math.min(width / pictureWidth, height / pictureHeight);
  const [across, down] = [pictureWidth * scale, pictureHeight * scale];
  return { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down };
}
