// Shows /openapi.json: routes by tag, each with its parameters, body, answers, failures, examples and a curl line, and the
// schemas behind them. Everything becomes text nodes, so nothing in the description can become markup.
"use strict";

// An element: `make("p", {class: "type"}, "text", otherElement)`. Children that are false or missing are left out.
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== false && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

// The little Markdown that descriptions have: paragraphs, lists, `code` and **bold**.
function markdown(text) {
  return (text ?? "").trim().split(/\n\s*\n/).filter(Boolean).map((block) => {
    if (!/^- /.test(block)) return make("p", {}, inline(block));
    return make("ul", {}, block.split(/\n(?=- )/).map((item) => make("li", {}, inline(item.slice(2)))));
  });
}

function inline(text) {
  return text.replace(/\s+/g, " ").split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (/^`.+`$/.test(part)) return make("code", {}, part.slice(1, -1));
    if (/^\*\*.+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
    return part;
  });
}

// What a reference within the document names; anything else is itself.
function resolved(api, value) {
  const path = value?.$ref?.replace(/^#\//, "").split("/");
  return path ? path.reduce((place, key) => place?.[key], api) : value;
}

const nameOf = (reference) => reference.$ref.split("/").pop();

// A schema's type in a line: `integer, 1 to 1000`, `File[]`, `string or null`.
function typeOf(schema) {
  if (!schema) return ["anything"];
  if (schema.$ref) return [make("a", { href: `#schema-${nameOf(schema)}` }, nameOf(schema))];
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.flatMap((choice, index) => [index ? " or " : "", ...typeOf(choice)]);
  if (schema.allOf) return schema.allOf.filter((part) => part.$ref).flatMap(typeOf);
  if (schema.type === "array") return [...typeOf(schema.items), "[]"];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  const { minimum, maximum, format } = schema;
  const plain = [schema.type ?? "anything"].flat().join(" or ");
  const form = format && !/^int/.test(format) ? ` (${format})` : "";
  const least = minimum === undefined ? "" : `, from ${minimum}`;
  const most = maximum === undefined ? "" : `, up to ${maximum}`;
  return [plain + form + (minimum === 0 && maximum === undefined ? "" : least + most)];
}

function row(name, type, isRequired, ...text) {
  return make("div", {},
    make("dt", {}, name, " ", isRequired && make("span", { class: "must" }, "required")),
    make("dd", {}, make("span", { class: "type" }, type), text));
}

const rows = (list) => make("dl", { class: "rows" }, list);

// A path that a narrow column breaks before its slashes.
const breakable = (path) => path.split(/(?=\/)/).flatMap((part) => [make("wbr"), part]);

const more = (title, ...inside) => make("details", { class: "more" }, make("summary", {}, title), inside);

function shown(value) {
  return make("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

// The members of a schema, or its words.
function schemaBody(api, schema) {
  if (schema.$ref) return make("p", {}, typeOf(schema));
  if (schema.allOf) return schema.allOf.map((part) => schemaBody(api, part));
  const properties = Object.entries(schema.properties ?? {});
  if (!properties.length) return make("p", { class: "type" }, typeOf(schema));
  return rows(properties.map(([name, property]) => {
    const text = property.description ?? property.oneOf?.find((choice) => choice.description)?.description;
    return row(name, typeOf(property), schema.required?.includes(name), markdown(text));
  }));
}

function bodyOf(api, content) {
  return Object.entries(content ?? {}).map(([mediaType, { schema, example, examples }]) => {
    const line = schema?.["x-line-schema"];
    const of = line ? ["lines of ", ...typeOf(line)] : typeOf(schema);
    const named = Object.entries(examples ?? {});
    return [
      make("p", { class: "type" }, mediaType, ": ", of),
      schema?.properties && schemaBody(api, schema),
      example !== undefined && more("Example", shown(example)),
      named.map(([name, { value }]) => more(`Example: ${name}`, shown(value))),
    ];
  });
}

function answer(api, status, response) {
  const { description, headers, content, links } = resolved(api, response);
  const common = /^(Cache-Control|Content-Security-Policy|Cross-Origin-Resource-Policy|Referrer-Policy|X-Content-Type-Options|X-Request-Id)$/;
  const special = Object.keys(headers ?? {}).filter((name) => !common.test(name));
  return make("div", {},
    make("dt", {}, make("b", {}, status)),
    make("dd", {},
      markdown(description),
      special.length > 0 && rows(special.map((name) => {
        const header = resolved(api, headers[name]);
        return row(name, typeOf(header.schema), false, markdown(header.description));
      })),
      bodyOf(api, content),
      links && make("p", {}, "Leads on to ", Object.values(links).flatMap((link, index) => [
        index ? ", " : "",
        make("a", { href: `#${link.operationId}` }, link.operationId),
      ]))));
}

// What to type for an operation, with the examples of its parameters.
function curl(api, method, path, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolved(api, parameter));
  const sample = (parameter) =>
    parameter.example ?? resolved(api, parameter.schema)?.examples?.[0] ?? parameter.name.toUpperCase();
  const filled = parameters.filter((parameter) => parameter.in === "path")
    .reduce((address, parameter) => address.replace(`{${parameter.name}}`, sample(parameter)), path);
  const words = ["curl"];
  if (method === "post" && !operation.requestBody) words.push("-X POST");
  if (!["get", "post"].includes(method)) words.push(`-X ${method.toUpperCase()}`);
  if (operation.requestBody) words.push("-F files=@report.pdf", "-F files=@minutes.md", `-F 'metadata={"case": 4711}'`);
  if (Object.values(operation.responses).some((response) => response.content?.["application/octet-stream"])) {
    words.push("-OJ");
  }
  return [...words, `'${location.origin}${filled}'`].join(" ");
}

function command(line) {
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(line);
    button.textContent = "Copied";
  });
  return make("div", { class: "command" }, make("pre", {}, line), navigator.clipboard && button);
}

const successes = (responses) => Object.entries(responses).filter(([status]) => status < "400");

// Each code of each failing answer, in a line of its own.
function failures(api, operation) {
  return Object.entries(operation.responses).filter(([status]) => status >= "400").flatMap(([status, response]) => {
    const examples = Object.entries(resolved(api, response).content?.["application/problem+json"]?.examples ?? {});
    if (!examples.length) return [answer(api, status, response)];
    return examples.map(([code, { summary, value }]) => make("div", {},
      make("dt", {}, make("b", {}, status), " ", code),
      make("dd", {}, markdown(summary), more("Example", shown(value)))));
  });
}

function operationBox(api, method, path, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolved(api, parameter));
  const failing = failures(api, operation);
  return make("details", { class: "operation", id: operation.operationId },
    make("summary", {},
      make("span", { class: `method ${method}` }, method.toUpperCase()),
      make("span", { class: "path" }, breakable(path)),
      make("span", { class: "about" }, inline(operation.summary ?? ""))),
    make("div", { class: "inside" },
      markdown(operation.description),
      command(curl(api, method, path, operation)),
      parameters.length > 0 && [make("h4", {}, "Parameters"), rows(parameters.map((parameter) => row(
        parameter.name, [`${parameter.in}, `, ...typeOf(parameter.schema)], parameter.required,
        markdown(parameter.description),
        parameter.example !== undefined && make("p", {}, "Example: ", make("code", {}, [parameter.example].flat().join(","))))))],
      operation.requestBody && [make("h4", {}, "Body"), bodyOf(api, operation.requestBody.content).concat(
        Object.values(operation.requestBody.content).map(({ schema }) => schemaBody(api, resolved(api, schema))))],
      make("h4", {}, "Answers"),
      rows(successes(operation.responses).map(([status, response]) => answer(api, status, response))),
      failing.length > 0 && [make("h4", {}, "Failures"), rows(failing)]));
}

function operationsOf(api) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    ["get", "post", "put", "patch", "delete"].filter((method) => item[method])
      .map((method) => ({ method, path, operation: item[method] })));
}

function contents(tags, operations) {
  return tags.map(({ name }) => make("section", {}, make("strong", {}, name), make("ul", {},
    operations.filter(({ operation }) => operation.tags?.includes(name)).map(({ method, path, operation }) =>
      make("li", { "data-words": `${method} ${path} ${operation.operationId} ${operation.summary}`.toLowerCase() },
        make("a", { href: `#${operation.operationId}` },
          make("span", { class: `method ${method}` }, method.toUpperCase()), make("span", { class: "path" }, breakable(path))))))));
}

function show(api) {
  const operations = operationsOf(api);
  const tags = api.tags ?? [];
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("contents").replaceChildren(...contents(tags, operations));
  document.getElementById("main").replaceChildren(
    ...markdown(api.info.description),
    ...tags.flatMap(({ name, description }) => [
      make("h2", { id: `tag-${name}` }, name), ...markdown(description),
      ...operations.filter(({ operation }) => operation.tags?.includes(name))
        .map(({ method, path, operation }) => operationBox(api, method, path, operation)),
    ]),
    make("h2", { id: "schemas" }, "schemas"),
    ...Object.entries(api.components.schemas).map(([name, schema]) =>
      make("details", { class: "operation", id: `schema-${name}` },
        make("summary", {}, make("span", { class: "path" }, name)),
        make("div", { class: "inside" }, markdown(schema.description), schemaBody(api, schema)))));
}

// Opens what the address names, also when a link within the page was followed.
function open() {
  const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!named) return;
  if (named.tagName === "DETAILS") named.open = true;
  named.scrollIntoView();
}

function filter(event) {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const item of document.querySelectorAll("#contents li")) {
    item.hidden = !words.every((word) => item.dataset.words.includes(word));
  }
}

async function begin() {
  document.getElementById("filter").addEventListener("input", filter);
  addEventListener("hashchange", open);
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    show(await answer.json());
    open();
  } catch (error) {
    const state = document.getElementById("state");
    if (!state) throw error;
    state.className = "trouble";
    state.textContent = `The description could not be read: ${error.message}.`;
  }
}

begin();
