#include <joist/data/encode.h>
#include <joist/tools/report/page.h>

#include <algorithm>

#include <fmt/format.h>

namespace joist {
namespace {

std::string base64(const std::vector<std::uint8_t>& bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t rest = bytes.size() - i;
    const std::uint32_t word = std::uint32_t{bytes[i]} << 16 | (rest > 1 ? std::uint32_t{bytes[i + 1]} << 8 : 0U) |
                               (rest > 2 ? std::uint32_t{bytes[i + 2]} : 0U);
    text += digits[word >> 18];
    text += digits[word >> 12 & 63U];
    text += rest > 1 ? digits[word >> 6 & 63U] : '=';
    text += rest > 2 ? digits[word & 63U] : '=';
  }
  return text;
}

}  // namespace

const char* const page_style = R"(
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #202020; max-width: 1020px;
       margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; }
h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .25em .9em .25em 0; text-align: left; border-bottom: 1px solid #eee;
         font-variant-numeric: tabular-nums; }
.row { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 1em 0; }
figure img { max-width: 100%; }
figcaption { color: #606060; }
.wide { overflow-x: auto; }
.shaded td { text-align: right; padding: .25em .7em; border: 1px solid #eee; }
.shaded th { padding: .25em .7em; font-weight: normal; border: 0; }
pre { background: #f6f6f6; padding: .8em; overflow-x: auto; }
)";

std::string escaped(const std::string& text) {
  std::string result;
  for (char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  }
  return result;
}

Page::Page(const std::string& title) : title_(title) { body_ = "<h1>" + escaped(title) + "</h1>\n"; }

Page& Page::heading(const std::string& text) {
  body_ += "<h2>" + escaped(text) + "</h2>\n";
  return *this;
}

Page& Page::paragraph(const std::string& text) {
  body_ += "<p>" + escaped(text) + "</p>\n";
  return *this;
}

Page& Page::preformatted(const std::string& text) {
  body_ += "<pre>" + escaped(text) + "</pre>\n";
  return *this;
}

Page& Page::table(const std::vector<std::vector<std::string>>& rows) {
  body_ += "<table>\n";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string tag = row == 0 ? "th" : "td";
    body_ += "<tr>";
    for (const std::string& cell : rows[row]) body_ += "<" + tag + ">" + escaped(cell) + "</" + tag + ">";
    body_ += "</tr>\n";
  }
  body_ += "</table>\n";
  return *this;
}

Page& Page::plots(const std::vector<Plot>& plots) {
  body_ += "<div class=\"row\">\n";
  for (const Plot& plot : plots) {
    std::string drawing = svg(plot);
    // Cairo numbers its glyphs in each drawing anew; ids must differ within a page.
    const std::string number = "p" + std::to_string(body_.size()) + "-";
    for (const std::string mark : {"id=\"", "href=\"#", "url(#"})
      for (std::size_t at = 0; (at = drawing.find(mark, at)) != std::string::npos; at += number.size())
        drawing.insert(at += mark.size(), number);
    body_ += drawing + "\n";
  }
  body_ += "</div>\n";
  return *this;
}

Page& Page::picture(const Picture& picture, const std::string& caption) {
  body_ += "<figure><img alt=\"" + escaped(caption) + "\" src=\"data:image/jpeg;base64," +
           base64(encode_jpeg(picture, 85)) + "\"><figcaption>" + escaped(caption) + "</figcaption></figure>\n";
  return *this;
}

Page& Page::shaded_table(const std::vector<std::vector<std::string>>& headed, const std::vector<double>& shares) {
  body_ += "<div class=\"wide\"><table class=\"shaded\">\n";
  const std::size_t columns = headed.empty() ? 0 : headed.front().size() - 1;
  for (std::size_t row = 0; row < headed.size(); ++row) {
    body_ += "<tr>";
    for (std::size_t column = 0; column < headed[row].size(); ++column) {
      const bool head = row == 0 || column == 0;
      std::string style;
      if (!head) {
        const double share = std::clamp(shares[(row - 1) * columns + column - 1], 0.0, 1.0);
        style = fmt::format(" style=\"background:rgba(30,90,170,{:.3f});color:{}\"", share * 0.9,
                            share > 0.5 ? "#fff" : "#202020");
      }
      const char* tag = head ? "th" : "td";
      body_ += fmt::format("<{}{}>{}</{}>", tag, style, escaped(headed[row][column]), tag);
    }
    body_ += "</tr>\n";
  }
  body_ += "</table></div>\n";
  return *this;
}

Page& Page::gallery(const std::vector<std::pair<Picture, std::string>>& pictures, int width) {
  body_ += "<div class=\"row\">\n";
  for (const auto& [image, caption] : pictures) {
    body_ += fmt::format("<div style=\"width:{}px\">", width);
    picture(image, caption);
    body_ += "</div>\n";
  }
  body_ += "</div>\n";
  return *this;
}

std::string Page::html() const {
  return "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width\"><title>" +
         escaped(title_) + "</title><style>" + page_style + "</style></head><body>\n" + body_ + "</body></html>\n";
}

}  // namespace joist
