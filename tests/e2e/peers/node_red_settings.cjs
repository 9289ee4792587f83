// Node-RED without an editor, on this machine only.
module.exports = {
  uiHost: "127.0.0.1",
  httpAdminRoot: false,
  flowFile: "flows.json",
  credentialSecret: false,
  diagnostics: { enabled: false },
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "info", metrics: false, audit: false } },
};
