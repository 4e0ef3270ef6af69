"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: false,
  persistAuthorization: false,
  // Without this one the page would ask a server elsewhere whether the document is valid.
  validatorUrl: null,
});
