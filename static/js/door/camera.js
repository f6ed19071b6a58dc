// Codes from the camera: by the browser's own detector where there is one, else by jsQR.

const LOOK_MS = 120;
const WIDTH = 640; // what is looked at: enough for a code that fills a third of the picture

async function detector() {
  if ("BarcodeDetector" in globalThis) {
    const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (formats.includes("qr_code")) {
      const native = new BarcodeDetector({ formats: ["qr_code"] });
      return async (canvas) => (await native.detect(canvas))[0]?.rawValue;
    }
  }
  await import("../../vendor/jsqr.js");
  return async (canvas) => decode(canvas);
}

// The code in a picture, by jsQR; undefined without one.
export async function decode(canvas) {
  if (!globalThis.jsQR) await import("../../vendor/jsqr.js");
  const { data, width, height } = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
  return globalThis.jsQR(data, width, height, { inversionAttempts: "dontInvert" })?.data;
}

// Looks until it is stopped: calls `onCode` with each text it sees. Resolves to the function that stops it.
export async function watch(video, onCode) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  video.srcObject = stream;
  await video.play();
  const look = await detector();
  const canvas = document.createElement("canvas");
  let stopped = false;
  (async () => {
    while (!stopped) {
      if (video.videoWidth) {
        canvas.width = Math.min(WIDTH, video.videoWidth);
        canvas.height = Math.round((canvas.width * video.videoHeight) / video.videoWidth);
        canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
        const text = await look(canvas).catch(() => undefined);
        if (text && !stopped) await onCode(text);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  })();
  return () => {
    stopped = true;
    for (const track of stream.getTracks()) track.stop();
  };
}
