// The database that the stack gives, by the names that it gives; a file where there is none.
module.exports = ({ env }) => {
  const engine = env("DATABASE_ENGINE");
  if (!engine) {
    return { connection: { client: "sqlite", connection: { filename: env("DATABASE_FILE", ".tmp/data.db") }, useNullAsDefault: true } };
  }
  return {
    connection: {
      client: engine,
      connection: {
        host: env("DATABASE_HOST"),
        port: env.int("DATABASE_PORT"),
        database: env("DATABASE_NAME"),
        user: env("DATABASE_USER"),
        password: env("DATABASE_PASSWORD"),
        ssl: engine === "postgres" ? { rejectUnauthorized: false } : undefined,
      },
    },
  };
};
