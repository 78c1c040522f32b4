const DATE = String.raw`\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`;
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?`;
const OFFSET = String.raw`(?:[Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)`;
const ISO_TIME = new RegExp(`^${DATE}(?:[Tt ]${CLOCK}${OFFSET}?)?$`);
const DATE_LENGTH = 10;

/**
 * Whether a text is an ISO 8601 time in its extended form, a date alone too, of a day that there
 * is: `Date.parse` takes 30 February for 2 March.
 */
export function isIsoTime(text: string): boolean {
  return ISO_TIME.test(text) && isDayOfMonth(text);
}

/** Milliseconds since 1970, or undefined where `isIsoTime` says no. Without an offset it is UTC. */
export function parseIsoTime(text: string): number | undefined {
  if (!isIsoTime(text)) return undefined;
  const date = text.slice(0, DATE_LENGTH);
  if (text.length === DATE_LENGTH) return Date.parse(date);
  const [, clock = '', sign, hours, minutes = '00'] =
    /^([\d:.,]+)(?:[Zz]|([+-])(\d\d):?(\d\d)?)?$/.exec(text.slice(DATE_LENGTH + 1)) ?? [];
  const offset = sign === undefined ? 'Z' : `${sign}${hours}:${minutes}`;
  return Date.parse(`${date}T${clock.replace(',', '.')}${offset}`);
}

/** Only days above 28 need the calendar. */
function isDayOfMonth(text: string): boolean {
  const day = Number(text.slice(8, DATE_LENGTH));
  if (day <= 28) return true;
  const month = Number(text.slice(5, 7));
  if (month !== 2) return day <= 30 || ![4, 6, 9, 11].includes(month);
  const year = Number(text.slice(0, 4));
  return day === 29 && ((year % 4 === 0 && year % 100 !== 0) || year % 400 === 0);
}
