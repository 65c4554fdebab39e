// Sends a file by pieces that can be paused and resumed, with its progress. Without this script the form sends it whole.

const PIECE_BYTES = 8 * 1024 * 1024;
const TYPES = { csv: "text/csv", jsonl: "application/x-ndjson", ndjson: "application/x-ndjson" };

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let step = 0;
  while (count >= 1024 && step < units.length - 1) { count /= 1024; step += 1; }
  return `${step ? count.toPrecision(3) : count} ${units[step]}`;
}

function start(form) {
  const panel = form.querySelector("[data-upload-panel]");
  const bar = panel.querySelector("progress");
  const said = panel.querySelector("[data-upload-said]");
  const pause = panel.querySelector("[data-upload-pause]");
  const resume = panel.querySelector("[data-upload-resume]");
  const send = form.querySelector("button:not([type=button])");
  const token = form.elements.csrf_token.value;
  const words = said.dataset;
  let upload = null;

  const running = (yes) => { pause.hidden = !yes; resume.hidden = yes; };

  function refusal(error) {
    const answer = error.originalResponse;
    if (answer === null || answer === undefined) return words.failed;
    try {
      const problem = JSON.parse(answer.getBody());
      return `${words.refused} ${problem.detail} (${problem.code})`;
    } catch {
      return words.failed;
    }
  }

  function finished() {
    bar.value = 100;
    said.textContent = words.done;
    const id = new URL(upload.url, window.location.href).pathname.split("/").at(-2);
    const attach = document.querySelector("form[data-upload-done]");
    if (attach) {
      attach.elements.deposit_id.value = id;
      attach.submit();
    } else {
      window.location.assign(`${form.dataset.shown}/${id}`);
    }
  }

  async function begin(file) {
    upload = new window.tus.Upload(file, {
      endpoint: form.dataset.endpoint,
      chunkSize: PIECE_BYTES,
      retryDelays: [0, 1000, 3000, 10000],
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name, filetype: TYPES[file.name.split(".").pop().toLowerCase()] ?? "" },
      headers: { "X-CSRFToken": token, Accept: "application/json" },
      onProgress(sent, all) {
        bar.value = all ? (100 * sent) / all : 0;
        said.textContent = words.sending.replace("{done}", bytes(sent)).replace("{all}", bytes(all));
      },
      onError(error) {
        said.textContent = refusal(error);
        pause.hidden = resume.hidden = true;
        send.hidden = false;
      },
      onSuccess: finished,
    });
    const before = await upload.findPreviousUploads();
    if (before.length) upload.resumeFromPreviousUpload(before[0]);
    upload.start();
  }

  form.addEventListener("submit", (event) => {
    const file = form.elements.file.files[0];
    if (!file) return;
    event.preventDefault();
    panel.hidden = false;
    send.hidden = true;
    running(true);
    begin(file);
  });
  pause.addEventListener("click", () => {
    upload.abort();
    said.textContent = words.paused;
    running(false);
  });
  resume.addEventListener("click", () => {
    running(true);
    upload.start();
  });
}

const form = document.querySelector("form[data-upload]");
if (form && window.tus?.isSupported) start(form);
