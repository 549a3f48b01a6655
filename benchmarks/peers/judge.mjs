// Judge records or policies with ajv, YAML read by js-yaml; print how many are invalid.
// judge.mjs SCHEMA FILE...   A .jsonl holds a document on each line; else a file is a document.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const load = createRequire(`${process.cwd()}/.cache/peers-node/`)
const Ajv = load('ajv/dist/2020.js').default
const [schema, ...names] = process.argv.slice(2)
const isValid = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(schema, 'utf8')))

function documents(name) {
  const text = readFileSync(name, 'utf8')
  if (name.endsWith('.jsonl')) return text.trimEnd().split('\n').map((line) => JSON.parse(line))
  if (name.endsWith('.json')) return [JSON.parse(text)]
  return load('js-yaml').loadAll(text)
}

let invalid = 0
for (const name of names) for (const item of documents(name)) if (!isValid(item)) invalid += 1
console.log(invalid)
