#include "gen/event_json.hpp"

#include <array>

#include "gen/digits.hpp"

namespace marquee::gen {
namespace {

char* write_uuid(char* out, uint64_t high, uint64_t low) {
  out = write_hex(out, high >> 32, 4);
  *out++ = '-';
  out = write_hex(out, high >> 16, 2);
  *out++ = '-';
  out = write_hex(out, high, 2);
  *out++ = '-';
  out = write_hex(out, low >> 48, 2);
  *out++ = '-';
  return write_hex(out, low, 6);
}

// Thirteen digits for every time between 2001 and 2286.
char* write_time(char* out, int64_t ms) {
  if (ms >= 1'000'000'000'000 && ms < 10'000'000'000'000) return write_padded(out, static_cast<uint64_t>(ms), 13);
  return write_number(out, static_cast<uint64_t>(ms));
}

// The one place that knows the fields and their order; `Source` writes the four that may be spoilt.
template <typename Source>
char* write_fields(char* out, const Event& event, Profile profile, const Source& source) {
  out = write_text(out, R"({"event_id":")");
  out = write_uuid(out, event.id_high, event.id_low);
  out = write_text(out, R"(","action":")");
  out = write_text(out, kActions[static_cast<size_t>(event.action)]);
  *out++ = '"';
  out = source.user(out);
  out = source.item(out);
  if (profile == Profile::kFull) {
    out = write_text(out, R"(,"title":")");
    out = Catalogue::write_title(out, event.title);
    *out++ = '"';
  }
  out = write_text(out, R"(,"category":")");
  out = write_text(out, kCategories[Catalogue::category(event.title)].name);
  out = write_text(out, R"(","country":")");
  out = write_text(out, event.country);
  if (profile == Profile::kFull) {
    out = write_text(out, R"(","device":")");
    out = write_text(out, event.device);
    out = write_text(out, R"(","age_band":")");
    out = write_text(out, event.age_band);
    out = write_text(out, R"(","session_id":")");
    out = write_hex(out, event.session, 8);
  }
  *out++ = '"';
  out = source.time(out);
  out = source.watch(out);
  *out++ = '}';
  return out;
}

struct Right {
  const Event& event;
  const Catalogue& catalogue;

  char* user(char* out) const {
    out = write_text(out, R"(,"user_id":")");
    out = write_user_id(out, event.viewer);
    *out++ = '"';
    return out;
  }
  char* item(char* out) const {
    out = write_text(out, R"(,"content_id":")");
    out = catalogue.write_content_id(out, event.title);
    *out++ = '"';
    return out;
  }
  char* time(char* out) const { return write_time(write_text(out, R"(,"event_time":)"), event.event_ms); }
  char* watch(char* out) const { return write_number(write_text(out, R"(,"watch_ms":)"), event.watch_ms); }
};

struct Spoilt {
  const Tokens& tokens;

  static char* field(char* out, std::string_view name, std::string_view token) {
    return token.empty() ? out : write_text(write_text(out, name), token);
  }
  char* user(char* out) const { return field(out, R"(,"user_id":)", tokens.user); }
  char* item(char* out) const { return field(out, R"(,"content_id":)", tokens.item); }
  char* time(char* out) const { return field(out, R"(,"event_time":)", tokens.time); }
  char* watch(char* out) const { return field(out, R"(,"watch_ms":)", tokens.watch); }
};

}  // namespace

char* write_user_id(char* out, uint32_t viewer) {
  out = write_text(out, "u-");
  return viewer < 10'000'000 ? write_padded(out, viewer, 7) : write_number(out, viewer);
}

char* write_event(char* out, const Event& event, const Catalogue& catalogue, Profile profile) {
  return write_fields(out, event, profile, Right{event, catalogue});
}

char* write_event_with(char* out, const Event& event, Profile profile, const Tokens& tokens) {
  return write_fields(out, event, profile, Spoilt{tokens});
}

}  // namespace marquee::gen
