// The lines: names of the columns, names as the field writes them, wavelengths in vacuum (A). The one table of the
// page.

export const lineNames = [
  "OII_DOUBLET",
  "HGAMMA",
  "HBETA",
  "OIII_4959",
  "OIII_5007",
  "NII_6548",
  "HALPHA",
  "NII_6584",
  "SII_6716",
  "SII_6731",
];
/** Names by the wavelengths in air, as papers have them. */
export const lineTitles = [
  "[O II] 3727",
  "Hγ",
  "Hβ",
  "[O III] 4959",
  "[O III] 5007",
  "[N II] 6548",
  "Hα",
  "[N II] 6584",
  "[S II] 6716",
  "[S II] 6731",
];
/** As a voice reads them. */
export const lineWords = [
  "O II 3727",
  "H gamma",
  "H beta",
  "O III 4959",
  "O III 5007",
  "N II 6548",
  "H alpha",
  "N II 6584",
  "S II 6716",
  "S II 6731",
];
export const lineWave = [3728.48, 4341.692, 4862.71, 4960.295, 5008.24, 6549.861, 6564.6, 6585.273, 6718.294, 6732.674];
/** The eight lines that the model predicts on their own; the weak members of the doublets follow. */
export const independent = [0, 1, 2, 4, 6, 7, 8, 9];

/** Components of a line: [wavelength, share of its flux]. The doublet is drawn with equal shares. */
export const components = lineWave.map((wave, line) =>
  line
    ? [[wave, 1]]
    : [
        [3727.1, 0.5],
        [3729.86, 0.5],
      ],
);
/** Marks of the lines: [wavelength, what stands over it in the whole spectrum, on which side]. */
const over = {
  0: ["[O II]", "center"],
  1: ["Hγ", "center"],
  2: ["Hβ", "right"],
  4: ["[O III]", "left"],
  6: ["Hα", "right"],
  9: ["[S II]", "left"],
};
export const marks = lineWave.map((wave, line) => [wave, ...(over[line] ?? [])]);

export const zooms = [
  { label: lineTitles[0], lines: [0], centre: 3728.5, half: 15 },
  { label: lineTitles[2], lines: [2], centre: 4862.7, half: 15 },
  { label: lineTitles[4], lines: [4], centre: 5008.2, half: 15 },
  { label: lineTitles[6], lines: [6], centre: 6564.6, half: 15 },
  { label: lineTitles[7], lines: [7], centre: 6585.3, half: 15 },
  { label: "[S II] 6716, 6731", lines: [8, 9], centre: 6725.5, half: 20 },
];
