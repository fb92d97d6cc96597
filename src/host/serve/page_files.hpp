// The files of page/, as bytes in the binary. Generated from them by embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace marquee {

struct PageFile {
  std::string_view name;  // "page.css"
  std::string_view content_type;
  std::string_view bytes;
};

std::span<const PageFile> page_files();

}  // namespace marquee
