// The pieces of the report's page: JavaScript that draws it from the results inside it.
#pragma once

namespace joist::lab {

extern const char* const page_charts;
extern const char* const page_fields;
extern const char* const page_sections;

}  // namespace joist::lab
