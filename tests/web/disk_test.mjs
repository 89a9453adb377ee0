// A folder opened by a double click: node disk_test.mjs FILE_URL. The page says what to do in place of "Failed to
// fetch".
import { launch } from "./browser.mjs";
import { check, checks } from "./page_tools.mjs";

const browser = await launch(),
  page = await browser.newPage();
await page.goto(process.argv[2]);
await page.waitForSelector("#failed");
const words = await page.textContent("#failed");
check(words.includes("--serve") && words.includes("--single-file"), words);
await browser.close();
console.log(`${checks} checks of a folder on a disk`);
