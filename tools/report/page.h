// One self-contained HTML page: text, tables, plots and pictures inside the file, nothing fetched.
#pragma once

#include <joist/data/picture.h>
#include <joist/tools/report/plot.h>

#include <string>
#include <utility>
#include <vector>

namespace joist {

/// `text` with &, <, >, " and ' written so that it can stand in HTML text and attributes.
std::string escaped(const std::string& text);

/// The style sheet of every page; what stands behind it may override it.
extern const char* const page_style;

class Page {
 public:
  explicit Page(const std::string& title);

  Page& heading(const std::string& text);
  Page& paragraph(const std::string& text);
  Page& preformatted(const std::string& text);
  /// The first row is the header. Cells are text.
  Page& table(const std::vector<std::vector<std::string>>& rows);
  /// Counts as a table whose cells are the darker the larger their share of their column is; the first row and column
  /// are headers.
  Page& shaded_table(const std::vector<std::vector<std::string>>& headed, const std::vector<double>& shares);
  /// Side by side where the window is wide enough.
  Page& plots(const std::vector<Plot>& plots);
  /// A JPEG inside the page, with a caption.
  Page& picture(const Picture& picture, const std::string& caption);
  /// Such pictures side by side, each `width` pixels wide on the page.
  Page& gallery(const std::vector<std::pair<Picture, std::string>>& pictures, int width);

  /// The whole page, UTF-8.
  std::string html() const;

 private:
  std::string title_, body_;
};

}  // namespace joist
