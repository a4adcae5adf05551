// Shows the description of the API. Nothing is asked of anybody but this server.
if (window.Scalar) {
  document.getElementById("reference").textContent = "";
  Scalar.createApiReference("#reference", {
    url: "/openapi.yaml",
    withDefaultFonts: false,
    telemetry: false,
    hideClientButton: true,
    showDeveloperTools: "never",
    agent: { disabled: true },
    mcp: { disabled: true },
    persistAuth: false,
    authentication: { preferredSecurityScheme: "key" },
  });
}
