#include <joist/data/check.h>
#include <joist/data/near_duplicates.h>

#include <nlohmann/json.hpp>

namespace joist {

std::vector<Finding> leaks(const Dataset& train, const Dataset& val) {
  Dataset both{.samples = train.samples};
  both.samples.insert(both.samples.end(), val.samples.begin(), val.samples.end());
  std::vector<Sketch> looks = sketches(both);
  std::vector<Finding> findings;
  for (const AlikePair& pair : alike(looks, train.samples.size())) {
    const Sample& second = both.samples[pair.second];
    findings.push_back({.where = second.where,
                        .kind = "picture in two parts",
                        .what = second.path + (pair.is_same_file ? " is byte for byte " : " looks like ") +
                                both.samples[pair.first].path + ", which is trained on"});
  }
  return findings;
}

void add(CheckReport& report, std::vector<Finding> findings) {
  for (Finding& finding : findings) {
    ++report.counts[finding.kind];
    report.findings.push_back(std::move(finding));
  }
}

std::string to_json(const CheckReport& report) {
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back(
        {{"where", finding.where}, {"kind", finding.kind}, {"what", finding.what}, {"action", finding.action}});
  }
  const nlohmann::ordered_json json = {{"pictures", report.pictures},
                                       {"boxes", report.boxes},
                                       {"read_pictures", report.read_pictures},
                                       {"read_boxes", report.read_boxes},
                                       {"lost_pictures", report.lost_pictures},
                                       {"lost_boxes", report.lost_boxes},
                                       {"rounded", report.rounded},
                                       {"counts", report.counts},
                                       {"findings", findings}};
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string to_text(const CheckReport& report) {
  constexpr std::int64_t shown = 5;
  std::string text;
  for (const auto& [kind, count] : report.counts) {
    text += "  " + kind + ": " + std::to_string(count) + "\n";
    std::int64_t listed = 0;
    for (const Finding& finding : report.findings) {
      if (listed == shown) break;
      if (finding.kind != kind) continue;
      ++listed;
      text += "    " + finding.where + ": " + finding.what +
              (finding.action.empty() ? "" : " [" + finding.action + "]") + "\n";
    }
    if (count > shown) text += "    and " + std::to_string(count - shown) + " more\n";
  }
  if (report.rounded > 0) text += "  rounded by up to a pixel: " + std::to_string(report.rounded) + "\n";
  return text;
}

}  // namespace joist
