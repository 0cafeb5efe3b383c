/** How many shapes there are; a map with more layers begins again. The style sheet draws the same ones in the legend. */
export const SHAPES = 6;

const SIZE = 40;

/** Corners on a circle around the middle, the first at the top plus `turn` eighths of a circle. */
function polygon(context: CanvasRenderingContext2D, corners: number, radius: number, turn: number): void {
  for (let i = 0; i < corners; i++) {
    const angle = (i / corners + turn / 8) * 2 * Math.PI - Math.PI / 2;
    context.lineTo(SIZE / 2 + radius * Math.cos(angle), SIZE / 2 + radius * Math.sin(angle));
  }
  context.closePath();
}

/** A mark of the map as pixels: circle, square, diamond, triangle, hexagon, or triangle on its tip. */
export function drawMark(shape: number, fill: string, edge: string): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = SIZE;
  canvas.height = SIZE;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser offers no 2D canvas.");
  context.beginPath();
  if (shape === 0) context.arc(SIZE / 2, SIZE / 2, 14, 0, 2 * Math.PI);
  else if (shape === 1) polygon(context, 4, 18, 1);
  else if (shape === 2) polygon(context, 4, 17, 0);
  else if (shape === 3) polygon(context, 3, 17, 0);
  else if (shape === 4) polygon(context, 6, 16, 0);
  else polygon(context, 3, 17, 4);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = edge;
  context.stroke();
  return context.getImageData(0, 0, SIZE, SIZE);
}
