const { randomBytes } = require("node:crypto");

// What is signed with these outlives the container only where they are set.
const once = () => randomBytes(32).toString("base64");

module.exports = ({ env }) => ({
  auth: { secret: env("ADMIN_JWT_SECRET", once()) },
  apiToken: { salt: env("API_TOKEN_SALT", once()) },
  transfer: { token: { salt: env("TRANSFER_TOKEN_SALT", once()) } },
  secrets: { encryptionKey: env("ENCRYPTION_KEY", once()) },
});
