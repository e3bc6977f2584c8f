const { randomBytes } = require("node:crypto");

module.exports = ({ env }) => ({
  host: env("HOST", "0.0.0.0"),
  port: env.int("PORT", 1337),
  // Sessions end with the container unless APP_KEYS is set.
  app: { keys: env.array("APP_KEYS", [randomBytes(32).toString("base64")]) },
});
