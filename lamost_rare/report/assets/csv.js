"use strict";

/**
 * Tables as text with commas, also as spreadsheets write them again (semicolons or tabs, a byte-order mark).
 */
const Csv = {
  // What a spreadsheet would take for a formula; apostrophes before it, so that taking one away gives back what was.
  FORMULA: /^'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/,

  /** Write a cell. Numbers stay numbers. */
  cell(value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const text = Csv.FORMULA.test(value) ? `'${value}` : value;
    return /[",;\r\n\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  },

  /** Write a table; the mark at its start tells spreadsheets that it is Unicode. */
  write(names, rows) {
    return `\ufeff${[names, ...rows].map((row) => row.map(Csv.cell).join(",")).join("\r\n")}\r\n`;
  },

  /**
   * Read a table.
   * @returns {{names: string[], rows: {line: number, cells: object}[]}}
   * @throws {Error} saying in words what is wrong
   */
  read(text) {
    const clean = text.replace(/^\ufeff/, "").replace(/^sep=.\r?\n/, "");
    const heading = clean.split(/\r?\n/, 1)[0];
    const delimiter = [",", ";", "\t"].find((one) =>
      heading.split(one).some((name) => Csv.name(name) === "key"),
    );
    if (delimiter === undefined) throw new Error("its first line names no column “key”");
    const lines = Csv.lines(clean, delimiter);
    const names = lines.shift().cells.map(Csv.name);
    const rows = lines
      .filter(({ cells }) => cells.some((cell) => cell.trim() !== ""))
      .map(({ line, cells }) => {
        if (cells.length < names.length)
          throw new Error(
            `line ${line} has ${cells.length} cells in place of ${names.length}: it is cut off, or damaged`,
          );
        return { line, cells: Object.fromEntries(names.map((name, i) => [name, Csv.unguarded(cells[i])])) };
      });
    return { names, rows };
  },

  name(cell) {
    return cell.trim().replace(/^"|"$/g, "").trim().toLowerCase();
  },

  unguarded(cell) {
    return cell.startsWith("'") && Csv.FORMULA.test(cell.slice(1)) ? cell.slice(1) : cell;
  },

  /** Split into lines and cells; a quoted cell may hold line ends. */
  lines(text, delimiter) {
    const lines = [];
    let [cells, cell, quoted, line, began] = [[], "", false, 1, 1];
    const endLine = () => {
      lines.push({ line: began, cells: [...cells, cell] });
      [cells, cell, began] = [[], "", line + 1];
    };
    for (let i = 0; i < text.length; i += 1) {
      const c = text[i];
      if (quoted) {
        if (c === '"' && text[i + 1] === '"') {
          cell += '"';
          i += 1;
        } else if (c === '"') quoted = false;
        else cell += c;
        line += Number(c === "\n");
      } else if (c === '"' && cell === "") quoted = true;
      else if (c === delimiter) {
        cells.push(cell);
        cell = "";
      } else if (c === "\n" || c === "\r") {
        if (c === "\r" && text[i + 1] === "\n") i += 1;
        endLine();
        line += 1;
      } else cell += c;
    }
    if (quoted) throw new Error(`a quote of line ${began} is not closed: the file is cut off`);
    if (cell !== "" || cells.length) endLine();
    return lines;
  },
};
