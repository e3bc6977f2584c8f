const { randomBytes } = require("node:crypto");

module.exports = ({ env }) => ({
  "users-permissions": { config: { jwtSecret: env("JWT_SECRET", randomBytes(32).toString("base64")) } },
});
