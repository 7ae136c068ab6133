"use strict";

// The description is the one that a deployed API has; requests go to this stack.
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
fetch("/openapi.json").then((response) => response.json()).then((spec) => {
  spec.servers = [{ url: location.origin }];
  SwaggerUIBundle({ dom_id: "#reference", spec, validatorUrl: null, deepLinking: false });
});
