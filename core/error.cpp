#include <joist/core/error.h>

namespace joist {
namespace {

std::string message(const Fault& fault) {
  std::string text = fault.where.empty() ? fault.what : fault.where + ": " + fault.what;
  if (!fault.expected.empty()) text += "\n  expected: " + fault.expected;
  if (!fault.remedy.empty()) text += "\n  try: " + fault.remedy;
  return text;
}

Fault marked_unsupported(Fault fault) {
  if (fault.what.find("unsupported") == std::string::npos) fault.what = "unsupported: " + fault.what;
  return fault;
}

}  // namespace

Error::Error(Exit code, Fault fault) : std::runtime_error(message(fault)), code_(code), fault_(std::move(fault)) {}

UnsupportedError::UnsupportedError(Fault fault) : Error(Exit::data, marked_unsupported(std::move(fault))) {}

std::string DataError::at(const std::string& file, std::int64_t line) {
  return line > 0 ? file + ":" + std::to_string(line) : file;
}

}  // namespace joist
