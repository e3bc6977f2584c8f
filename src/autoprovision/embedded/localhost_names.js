// Resolves names below .localhost to loopback for functions of Node.js; see localhost_names.py.
"use strict";
const dns = require("dns");
const below = (name) => typeof name === "string" && /\.localhost\.?$/i.test(name);
const loopback = (name) => (below(name) ? "127.0.0.1" : name);
const { lookup } = dns;
const lookupPromise = dns.promises.lookup;
dns.lookup = (name, ...rest) => lookup(loopback(name), ...rest);
dns.promises.lookup = (name, ...rest) => lookupPromise(loopback(name), ...rest);
