/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Runs one collection with Newman. The request comes as the first line of stdin; what happens goes to file descriptor 3
// as one JSON object a line, the last of which is the report or an error. Neither values of variables nor bodies nor
// query strings, which may hold secrets, are among it.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const readline = require('node:readline');

const send = (message) => fs.writeSync(3, JSON.stringify(message) + '\n');

const fail = (message) => {
  send({ event: 'error', message });
  process.exit(1);
};

// Host names of the App are looked up by the process that started this one, because they depend on the App.
const lookups = new Map();

const resolve = (host, done) => {
  const id = lookups.size + 1;
  lookups.set(id, done);
  send({ event: 'resolve', id, host });
};

// routed returns an agent that connects to where a host of the App is reached. The request stays as it was written,
// with its Host header and TLS server name. A port that is the scheme's default counts as none, as for every URL.
const routed = (Base, name) => {
  const Agent = class extends Base {
    createConnection(options, done) {
      resolve(options.host, (target) => {
        let socket;
        try {
          socket = super.createConnection(target ? this.reroute(options, target) : options);
        } catch (error) {
          done(error);
          return;
        }
        done(null, socket);
      });
    }

    reroute(options, target) {
      const port = Number(options.port) === this.defaultPort ? target.port : options.port;
      return { ...options, host: target.host, port };
    }
  };
  // Newman's HTTP client keeps a pool of agents by the name of their class.
  Object.defineProperty(Agent, 'name', { value: name });
  return Agent;
};

const address = (request) => {
  if (!request || !request.url) {
    return '';
  }
  const url = request.url.toString();
  return `${request.method} ${url.replace(/[?#].*$/s, '').replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1')}`;
};

// path is the name of an item with the folders that it is in.
const path = (item) => {
  const names = [item.name];
  item.forEachParent({ withRoot: false }, (parent) => names.unshift(parent.name));
  return names.filter(Boolean).join(' / ');
};

const report = (summary, requests, paths) => {
  const { stats, failures, timings } = summary.run;
  return {
    event: 'report',
    stats,
    duration: (timings.completed || Date.now()) - (timings.started || Date.now()),
    failures: failures.map(({ error, at, cursor }) => ({
      name: error.name,
      test: error.test,
      message: error.message,
      item: paths.get(cursor.ref),
      at,
      iteration: (cursor.iteration || 0) + 1,
      request: requests.get(cursor.ref),
    })),
  };
};

const run = (newman, options) => {
  // Both by the cursor's reference, which all events of one item in one iteration share.
  const requests = new Map();
  const paths = new Map();
  const emitter = newman.run({
    ...options,
    reporters: [],
    insecureFileRead: false,
    requestAgents: {
      http: { agentClass: routed(http.Agent, 'AppAgent'), agentOptions: { keepAlive: true } },
      https: { agentClass: routed(https.Agent, 'AppSecureAgent'), agentOptions: { keepAlive: true } },
    },
  }, (error, summary) => {
    if (error) {
      fail(error.message || String(error));
    }
    send(report(summary, requests, paths));
    process.exit(0);
  });

  emitter.on('beforeItem', (_, { cursor, item }) => paths.set(cursor.ref, path(item)));
  emitter.on('request', (error, { cursor, request, response }) => {
    requests.set(cursor.ref, address(request));
    send({
      event: 'request',
      request: address(request),
      code: response && response.code,
      status: response && response.reason(),
      milliseconds: response && response.responseTime,
      message: error ? error.message : undefined,
    });
  });
  emitter.on('assertion', (error, { assertion }) => {
    if (error) {
      send({ event: 'failure', test: assertion, message: error.message });
    }
  });
  emitter.on('script', (error, { event }) => {
    if (error) {
      send({ event: 'failure', test: `${event ? event.listen : ''} script`, message: `${error.name}: ${error.message}` });
    }
  });
  emitter.on('console', (_, { level, messages }) => {
    const text = messages.map((m) => (typeof m === 'string' ? m : JSON.stringify(m))).join(' ');
    send({ event: 'console', level, message: text });
  });
};

const start = (line) => {
  let newman;
  try {
    newman = require('newman');
  } catch (error) {
    fail(`Newman can't be loaded: ${error.message.split('\n')[0]}`);
  }
  run(newman, JSON.parse(line));
};

process.on('uncaughtException', (error) => fail(error.stack || String(error)));

let started = false;
readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (!started) {
      started = true;
      start(line);
      return;
    }
    const { id, target } = JSON.parse(line);
    const done = lookups.get(id);
    lookups.set(id, undefined);
    done(target);
  })
  // Whoever started this process is gone.
  .on('close', () => process.exit(1));
