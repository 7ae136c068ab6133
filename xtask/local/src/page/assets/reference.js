"use strict";

document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
fetch("/openapi.json").then((response) => response.json()).then((spec) => {
  // The description names the URL of a deployed API, and the requests must go to the local stack.
  spec.servers = [{ url: location.origin }];
  SwaggerUIBundle({ dom_id: "#reference", spec, validatorUrl: null, deepLinking: false });
});
