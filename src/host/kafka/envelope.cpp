#include "kafka/envelope.hpp"

#include <cstring>

#include "core/check.hpp"

namespace marquee {
namespace {

constexpr std::uint8_t kHasKey = 1;
constexpr std::uint8_t kNullValue = 2;
constexpr std::uint32_t kNull = 0xffffffff;

void append_u32(std::string& out, std::uint32_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void append_sized(std::string& out, std::string_view text) {
  MARQUEE_CHECK(text.size() < kNull);
  append_u32(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

std::string_view take(std::string_view& bytes, std::size_t size) {
  MARQUEE_CHECK(size <= bytes.size());
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

std::uint32_t take_u32(std::string_view& bytes) {
  std::uint32_t value;
  std::memcpy(&value, take(bytes, sizeof value).data(), sizeof value);
  return value;
}

}  // namespace

void append_envelope(std::string& out, const Envelope& envelope) {
  out.push_back(static_cast<char>((envelope.key ? kHasKey : 0) | (envelope.null_value ? kNullValue : 0)));
  if (envelope.key) append_sized(out, *envelope.key);
  append_u32(out, static_cast<std::uint32_t>(envelope.headers.size()));
  for (const Envelope::Header& header : envelope.headers) {
    append_sized(out, header.name);
    if (header.value) {
      append_sized(out, *header.value);
    } else {
      append_u32(out, kNull);
    }
  }
}

Envelope decode_envelope(std::string_view bytes) {
  Envelope envelope;
  if (bytes.empty()) return envelope;
  const auto flags = static_cast<std::uint8_t>(take(bytes, 1)[0]);
  envelope.null_value = (flags & kNullValue) != 0;
  if ((flags & kHasKey) != 0) envelope.key = take(bytes, take_u32(bytes));
  const std::uint32_t count = take_u32(bytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    Envelope::Header header;
    header.name = take(bytes, take_u32(bytes));
    if (const std::uint32_t size = take_u32(bytes); size != kNull) header.value = take(bytes, size);
    envelope.headers.push_back(header);
  }
  MARQUEE_CHECK(bytes.empty());
  return envelope;
}

}  // namespace marquee
