// SPDX-License-Identifier: MIT
/* chart.c - axes, bars and lines, written as SVG elements */
#include "harness/bench/chart.h"

#include <errno.h>
#include <math.h>

#define WIDTH     760
#define LEFT      150
#define RIGHT     90
#define TOP       48
#define BAR_STEP  34
#define BAR_THICK 20
#define PLOT_HIGH 300
#define LEGEND    22
#define TICKS     5

static const char *const colors[] = {"#1f5fa8", "#7aa6d6", "#d9822b", "#8a8f98",
				     "#3f9c5a", "#a34fa0", "#c23b3b", "#5b4a8a"};
#define N_COLORS (sizeof(colors) / sizeof(*colors))

static const char *color_of(unsigned number)
{
	return colors[number % N_COLORS];
}

const char *chart_number(double value, char text[static 16])
{
	static const struct {
		double unit;
		const char *name;
	} units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};

	for (unsigned i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (fabs(value) >= units[i].unit * 0.9995) {
			snprintf(text, 16, "%.3g%s", value / units[i].unit, units[i].name);
			return text;
		}
	snprintf(text, 16, "%.3g", value);
	return text;
}

static void put_escaped(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", file);
		else if (*text == '&')
			fputs("&amp;", file);
		else
			fputc(*text, file);
	}
}

static void put_text(FILE *file, double x, double y, const char *anchor, int size, const char *text)
{
	fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">", x, y,
		anchor, size);
	put_escaped(file, text);
	fputs("</text>\n", file);
}

static void put_rule(FILE *file, double x1, double y1, double x2, double y2, const char *color)
{
	fprintf(file, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, color);
}

static void begin(FILE *file, int height, const char *title)
{
	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" font-family=\"sans-serif\" fill=\"#222\">\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
		WIDTH, height, WIDTH, height, WIDTH, height);
	put_text(file, WIDTH / 2.0, 26, "middle", 16, title);
}

static int end(FILE *file)
{
	fputs("</svg>\n", file);
	return ferror(file) ? -EIO : 0;
}

/* A round number at or above @value: 1, 2 or 5 times a power of ten. */
static double round_up(double value)
{
	double power = value > 0 ? pow(10, floor(log10(value))) : 1;
	double steps[] = {1, 2, 5, 10};

	for (unsigned i = 0; i < 4; i++)
		if (steps[i] * power >= value * 0.999999)
			return steps[i] * power;
	return 10 * power;
}

int chart_write_bars(FILE *file, const struct chart_bars *chart)
{
	int bottom = TOP + (int)chart->n * BAR_STEP;
	double most = 0, scale;
	char text[16];

	for (unsigned i = 0; i < chart->n; i++)
		most = fmax(most, fmax(chart->bars[i].high, chart->bars[i].value));
	most = most > 0 ? most : 1;
	scale = (WIDTH - LEFT - RIGHT) / most;
	begin(file, bottom + 40, chart->title);
	for (unsigned i = 0; i < chart->n; i++) {
		const struct chart_bar *bar = &chart->bars[i];
		double y = TOP + i * BAR_STEP;
		double middle = y + BAR_THICK / 2.0;

		put_text(file, LEFT - 8, middle + 5, "end", 13, bar->label);
		fprintf(file,
			"<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
			LEFT, y, bar->value * scale, BAR_THICK, color_of(bar->color));
		if (bar->high > bar->low)
			put_rule(file, LEFT + bar->low * scale, middle, LEFT + bar->high * scale,
				 middle, "#222");
		put_text(file, LEFT + fmax(bar->high, bar->value) * scale + 6, middle + 5, "start",
			 13, chart_number(bar->value, text));
	}
	put_text(file, LEFT, bottom + 20, "start", 12, chart->unit);
	return end(file);
}

/* --- lines --- */

struct axis {
	double low;
	double high;
	double from; /* in the picture */
	double to;
	bool log;
};

static double place(const struct axis *axis, double value)
{
	double share;

	if (axis->log)
		share = log(fmax(value, axis->low) / axis->low) / log(axis->high / axis->low);
	else
		share = (value - axis->low) / (axis->high - axis->low);
	return axis->from + share * (axis->to - axis->from);
}

static void extend_axis(struct axis *axis, double value)
{
	axis->low = fmin(axis->low, value);
	axis->high = fmax(axis->high, value);
}

static void settle(struct axis *axis)
{
	if (axis->log) {
		axis->low = pow(10, floor(log10(fmax(axis->low, 1))));
		axis->high = pow(10, ceil(log10(fmax(axis->high, axis->low * 1.01))));
	} else {
		axis->low = 0;
		axis->high = round_up(axis->high > 0 ? axis->high : 1);
	}
}

static double tick(const struct axis *axis, unsigned i)
{
	return axis->log ? axis->low * pow(10, i)
			 : axis->low + (axis->high - axis->low) * i / TICKS;
}

static unsigned n_ticks(const struct axis *axis)
{
	return axis->log ? (unsigned)(log10(axis->high / axis->low) + 1.5) : TICKS + 1;
}

static void put_axes(FILE *file, const struct chart_lines *chart, const struct axis *x,
		     const struct axis *y)
{
	char text[16];

	for (unsigned i = 0; i < n_ticks(y); i++) {
		double at = place(y, tick(y, i));

		put_rule(file, x->from, at, x->to, at, "#ddd");
		put_text(file, x->from - 6, at + 4, "end", 11, chart_number(tick(y, i), text));
	}
	for (unsigned i = 0; chart->places ? i < chart->n_places : i < n_ticks(x); i++) {
		double at = place(x, chart->places ? i : tick(x, i));

		put_rule(file, at, y->from, at, y->from + 5, "#888");
		put_text(file, at, y->from + 18, "middle", 11,
			 chart->places ? chart->places[i] : chart_number(tick(x, i), text));
	}
	put_rule(file, x->from, y->from, x->to, y->from, "#888");
	put_text(file, (x->from + x->to) / 2, y->from + 36, "middle", 12, chart->x_title);
	put_text(file, x->from - 60, TOP - 8, "start", 12, chart->y_title);
}

static void put_line(FILE *file, const struct chart_line *line, const struct axis *x,
		     const struct axis *y)
{
	fputs("<path d=\"", file);
	for (unsigned i = 0; i < line->n; i++)
		fprintf(file, "%s%.1f %.1f", i ? "L" : "M", place(x, line->x[i]),
			place(y, line->y[i]));
	fprintf(file, "\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n",
		color_of(line->color));
	for (unsigned i = 0; i < line->n; i++)
		fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n",
			place(x, line->x[i]), place(y, line->y[i]), color_of(line->color));
}

int chart_write_lines(FILE *file, const struct chart_lines *chart)
{
	int bottom = TOP + PLOT_HIGH;
	struct axis x = {INFINITY, -INFINITY, 80, WIDTH - 30, chart->log_x};
	struct axis y = {INFINITY, -INFINITY, bottom, TOP + 8, chart->log_y};

	for (unsigned i = 0; i < chart->n; i++)
		for (unsigned k = 0; k < chart->lines[i].n; k++) {
			extend_axis(&x, chart->lines[i].x[k]);
			extend_axis(&y, chart->lines[i].y[k]);
		}
	if (!(x.low <= x.high))
		x.low = x.high = y.low = y.high = 1;
	settle(&y);
	if (chart->places) {
		x.low = 0;
		x.high = chart->n_places > 1 ? chart->n_places - 1 : 1;
	} else {
		settle(&x);
	}
	begin(file, bottom + 50 + LEGEND, chart->title);
	put_axes(file, chart, &x, &y);
	for (unsigned i = 0; i < chart->n; i++) {
		double at = 80 + i * (WIDTH - 100.0) / CHART_MAX_SERIES * 1.6;

		put_line(file, &chart->lines[i], &x, &y);
		fprintf(file,
			"<rect x=\"%.1f\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", at,
			bottom + 46, color_of(chart->lines[i].color));
		put_text(file, at + 17, bottom + 57, "start", 12, chart->lines[i].label);
	}
	return end(file);
}
