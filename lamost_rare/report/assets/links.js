"use strict";

/** Where others know more of a position or an observation. Nothing is loaded before a click. */
const Links = (() => {
  const RADIUS = 5; // arcsec

  /** Addresses for one row: [{label, href, title}]. */
  function of({ ra, dec, obsid }) {
    const found = [];
    const add = (label, href, title) => found.push({ label, href, title });
    if (!Words.missing(ra) && !Words.missing(dec)) {
      const [plain, coded] = [`${ra} ${dec}`, encodeURIComponent(Words.degrees(ra, dec))];
      add("SIMBAD", `https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=${coded}&CooFrame=ICRS&CooEpoch=2000`
        + `&CooEqui=2000&Radius=${RADIUS}&Radius.unit=arcsec`, `within ${RADIUS} arcsec`);
      add("VizieR", `https://vizier.cds.unistra.fr/viz-bin/VizieR-4?-c=${coded}&-c.rs=${RADIUS}`,
        `all catalogues within ${RADIUS} arcsec`);
      add("Gaia DR3", `https://vizier.cds.unistra.fr/viz-bin/VizieR-5?-source=I/355/gaiadr3&-c=${coded}`
        + `&-c.rs=${RADIUS}&-c.eq=J2000`, "at VizieR");
      const query = `SELECT * FROM gaiadr3.gaia_source WHERE 1=CONTAINS(POINT('ICRS',ra,dec),`
        + `CIRCLE('ICRS',${plain.replace(" ", ",")},${RADIUS}/3600.))`;
      add("Gaia archive", "https://gea.esac.esa.int/tap-server/tap/sync?REQUEST=doQuery&LANG=ADQL&FORMAT=json"
        + `&QUERY=${encodeURIComponent(query)}`, "ESA's archive: all columns, as JSON");
      add("Aladin Lite", `https://aladin.cds.unistra.fr/AladinLite/?target=${coded}&fov=0.05`
        + "&survey=CDS%2FP%2FPanSTARRS%2FDR1%2Fcolor-z-zg-g", "picture of the sky");
    }
    if (/^\d+$/.test(obsid ?? "")) {
      add("LAMOST DR7", `https://www.lamost.org/dr7/v2.0/spectrum/view?obsid=${obsid}`, "the observation, in the archive");
    }
    return found;
  }

  /** Element of the links. */
  function element(row) {
    return Elements.h("p", { class: "v-links" }, of(row).map(({ label, href, title }) => (
      Elements.h("a", { href, title, target: "_blank", rel: "noopener noreferrer" }, label))));
  }

  return { element, of };
})();
