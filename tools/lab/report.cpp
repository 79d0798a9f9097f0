#include <joist/core/formats/store.h>
#include <joist/tools/lab/figures.h>
#include <joist/tools/lab/page.h>
#include <joist/tools/lab/report.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/report/page.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* style = R"(
body { max-width: 1120px; }
h2 { font-size: 1.25em; }
figure { margin: .5em 0; }
figcaption { color: inherit; font-weight: 600; font-size: 13px; max-width: 500px; }
.chart svg, canvas { max-width: 100%; height: auto; }
.turn { cursor: grab; touch-action: none; }
.tick { font-size: 10.5px; fill: #444; }
.axis { font-size: 11.5px; fill: #202020; }
.legend { display: flex; flex-wrap: wrap; gap: .2em 1em; font-size: 13px; max-width: 520px; }
.item { cursor: pointer; }
.off { opacity: .35; }
.swatch { display: inline-block; width: 10px; height: 10px; margin-right: 5px; }
.buttons { font-size: 12px; color: #555; }
.buttons button { font-size: 11px; padding: 0 .4em; margin-left: .4em; }
.clock { display: flex; align-items: center; gap: .5em; margin: .5em 0; }
.slider { flex: 1; max-width: 600px; }
.warning { color: #a04000; }
)";

}  // namespace

std::string report_html(const std::string& results, const std::string& timings) {
  Json json = Json::parse(results);
  Json colours = Json::array();
  for (int i = 0; i < 20; ++i) colours.push_back(fmt::format("#{:06x}", class_colour(i)));
  json["colours"] = colours;
  const auto embedded = [](const char* id, const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;) text.replace(at, 1, "\\u003c");
    return fmt::format("<script type=\"application/json\" id=\"{}\">{}</script>\n", id, text);
  };
  const std::string title = escaped(json.value("title", "Optimizers compared"));
  std::string reading;
  for (const Json& line : json.at("reading")) reading += "<li>" + escaped(line.get<std::string>()) + "</li>\n";
  std::string html =
      "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>" +
      title + "</title><style>" + page_style + style + "</style></head><body>\n<h1>" + title + "</h1>\n";
  html += "<noscript><p>The figures need JavaScript; figures/ holds them as pictures.</p></noscript>\n";
  if (!reading.empty()) html += "<ul>" + reading + "</ul>\n";
  html += embedded("data", json) + embedded("timings", timings.empty() ? Json() : Json::parse(timings)) + "<script>";
  for (const char* part : {page_charts, page_fields, page_sections}) html += part;
  return html + "</script>\n</body></html>\n";
}

void write_report(const std::string& results, const std::string& timings, const std::string& out) {
  store_file(out + "/report.html", report_html(results, timings));
  write_figures(results, out + "/figures");
}

}  // namespace joist::lab
