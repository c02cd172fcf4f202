/* Uploads: a chosen or dropped file is sent as it is, with its progress; then the page of its import opens. */
(function () {
  "use strict";
  const ZONE = "imports-drop";
  const CHOOSE = "imports-choose";
  let request = null;

  function tell(words, tone = "") {
    const line = document.getElementById("imports-upload-status");
    line.textContent = words;
    line.className = `upload-status ${tone}`;
  }

  function showProgress(share) {
    const bar = document.getElementById("imports-upload-progress");
    bar.hidden = share === null;
    bar.value = share === null ? 0 : Math.round(share * 100);
  }

  function fail(words) {
    request = null;
    showProgress(null);
    tell(words, "text-danger");
  }

  function send(file) {
    if (request) {
      tell("One file at a time: the first one is still on its way.");
      return;
    }
    const limit = Number(document.querySelector("[data-upload-limit]")?.dataset.uploadLimit || Infinity);
    if (file.size > limit) {
      fail(`${file.name} is larger than ${Math.floor(limit / 1e6)} MB. Split it and upload the parts.`);
      return;
    }
    request = new XMLHttpRequest();
    request.open("POST", "/uploads/");
    request.setRequestHeader("X-CSRFToken", window.sourcingx.csrfToken());
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) {
        showProgress(event.loaded / event.total);
        tell(event.loaded < event.total ? `Uploading ${file.name}…` : `Reading ${file.name}…`);
      }
    });
    request.addEventListener("error", () => fail("The upload broke off. Please try again."));
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = { error: "The server did not understand the upload. Please try again." };
      }
      if (request.status === 201) {
        tell(`${file.name} has arrived.`);
        location.assign(`/imports/${answer.import_id}`);
      } else if (request.status === 401) {
        location.assign(`/login?notice=ended&next=${encodeURIComponent(location.pathname)}`);
      } else {
        fail(answer.error);
      }
    });
    showProgress(0);
    tell(`Uploading ${file.name}…`);
    request.send(file);
  }

  function choose() {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = ".csv,.tsv,.txt,text/csv";
    input.addEventListener("change", () => input.files.length && send(input.files[0]));
    input.click();
  }

  function zoneOf(event) {
    return event.target.closest ? event.target.closest(`#${ZONE}`) : null;
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest(`#${CHOOSE}`)) {
      choose();
    }
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const zone = zoneOf(event);
      if (!zone) {
        return;
      }
      event.preventDefault();
      zone.classList.toggle("is-target", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) {
        send(event.dataTransfer.files[0]);
      }
    });
  }
})();
