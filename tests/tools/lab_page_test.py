# ctest: TIMEOUT 180
"""The laboratory's page in headless Chromium: it is drawn, every control is used, and no script error comes."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "training"))
from training_runs import JOIST, run

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
if CHROMIUM is None:
    print("no Chromium: tools/install-dependencies --browser")
    sys.exit(77)

WATCH = """<script>
window.problems = [];
window.onerror = (message, file, line) => { window.problems.push(message + ' at ' + line); };
console.error = message => { window.problems.push(String(message)); };
</script>"""
# Uses what a person would: sliders, boxes, lists, legends, buttons, the mouse over charts and surfaces.
EXERCISE = """<script>
const event = (node, name, more) => node.dispatchEvent(Object.assign(new Event(name, {bubbles: true}), more));
for (const select of document.querySelectorAll('select')) {
  for (const option of select.options) { select.value = option.value; event(select, 'change'); }
}
for (const node of document.querySelectorAll('input[type=range]')) { node.value = 1; event(node, 'input'); }
for (const node of document.querySelectorAll('input[type=checkbox]')) { node.click(); node.click(); }
for (const node of document.querySelectorAll('.item')) { node.click(); node.click(); }
for (const node of document.querySelectorAll('svg')) {
  const place = node.getBoundingClientRect();
  node.dispatchEvent(new MouseEvent('mousemove', {clientX: place.left + place.width / 2, clientY: place.top + 20}));
}
for (const node of document.querySelectorAll('canvas.turn')) {
  node.setPointerCapture = () => {};
  for (const [name, x] of [['pointerdown', 50], ['pointermove', 80], ['pointerup', 80]])
    node.dispatchEvent(new PointerEvent(name, {clientX: x, clientY: x, pointerId: 1}));
}
for (const node of document.querySelectorAll('button')) node.click();
setTimeout(() => { document.body.setAttribute('data-problems', JSON.stringify(window.problems)); }, 300);
</script>"""


class Page(unittest.TestCase):
    def dom(self, html):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "page.html"
            file.write_text(html)
            done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
                                   "--virtual-time-budget=20000", "--dump-dom", f"file://{file}"],
                                  capture_output=True, text=True, timeout=150)
        return done.stdout

    def exercised(self, html):
        return self.dom(html.replace("<body>", "<body>" + WATCH, 1).replace("</body>", EXERCISE + "</body>"))

    def test_every_control_works(self):
        with tempfile.TemporaryDirectory() as folder:
            run(JOIST, "lab", "run", "--problem", "himmelblau", "--problem", "mlp,data=blobs,width=6,label=</script><b>网",
                "--optimizer", "sgd,lr=0.01", "--optimizer", "adam,lr=1e9,label=wild", "--optimizer", "adam", "--tune", "3",
                "--seeds", "2", "--budget", "12", "--instruments", "3", "--landscape", "--out", folder)
            html = (pathlib.Path(folder) / "report.html").read_text()
        self.assertNotRegex(re.sub(r"http://www\.w3\.org/2000/svg", "", html), r"https?://", "fetches nothing")
        found = self.exercised(html)
        self.assertIn('data-drawn="yes"', found)
        self.assertIn('data-problems="[]"', found)
        self.assertGreater(found.count("<svg"), 10)
        self.assertGreaterEqual(found.count("<canvas"), 4)

    def test_this_test_sees_an_error(self):
        self.assertIn("nothing_of_that_name", self.exercised("<html><body><script>nothing_of_that_name();</script></body></html>"))


if __name__ == "__main__":
    unittest.main()
