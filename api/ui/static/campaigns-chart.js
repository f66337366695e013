// Draws how a campaign went: three small charts over one time axis, read again every half minute while they are seen.
(() => {
  const place = document.querySelector("[data-chart]");
  const boxes = [...place.querySelectorAll("[data-series]")];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 2 });
  const zone = { timeZone: place.dataset.zone };
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", ...zone });
  const day = new Intl.DateTimeFormat(document.documentElement.lang, { day: "2-digit", month: "2-digit", ...zone });
  const times = (_chart, marks) => {
    const whole = marks.length > 1 && marks[1] - marks[0] >= 86400;
    return marks.map((seconds) => (whole ? day : clock).format(seconds * 1000));
  };
  // Half a minute at least: of a single point the library would draw months.
  const wide = (_chart, low, high) => (low == null ? [low, high] : [low, Math.max(high, low + 30)]);
  let charts = [];
  let columns = null;

  const draw = () => {
    charts.forEach((chart) => chart.destroy());
    charts = boxes.map((box) => {
      const unit = box.dataset.unit ? ` ${box.dataset.unit}` : "";
      const said = (value) => (value == null ? "–" : number.format(value) + unit);
      const axis = { stroke: colour("--bs-body-color"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
      const options = {
        width: box.clientWidth,
        height: 150,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), place.dataset.zone),
        scales: { x: { range: wide }, y: { range: (_chart, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
        cursor: { y: false, sync: { key: "course" } },
        axes: [{ ...axis, values: times, space: 64 }, { ...axis, size: 64, values: (_chart, marks) => marks.map(said) }],
        series: [{}, { label: box.dataset.name, stroke: colour("--bs-primary"), width: 2, value: (_chart, value) => said(value) }],
        legend: { show: false },
      };
      return new uPlot(options, [columns.at, columns[box.dataset.series]], box);
    });
  };

  const load = async () => {
    if (document.hidden) return;
    const answer = await fetch(place.dataset.chart, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok) return;
    const news = await answer.json();
    const first = columns === null;
    columns = news;
    if (first) draw();
    else charts.forEach((chart, index) => chart.setData([columns.at, columns[boxes[index].dataset.series]]));
    place.dataset.points = columns.at.length;
  };

  load();
  setInterval(load, 30000);
  new ResizeObserver(() => charts.forEach((chart, index) => chart.setSize({ width: boxes[index].clientWidth, height: 150 }))).observe(place);
  new MutationObserver(() => columns && draw()).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
})();
