"""A bar chart as SVG: how far each operation is from its goal, with nothing but text."""
ROW, LEFT, WIDTH, HEAD = 26, 130, 520, 40


def ratios_svg(rows: list[tuple[str, float]]) -> str:
    """Bars of `measured / goal`; the line at 1 is the goal."""
    most = max([value for _, value in rows] + [1.0]) * 1.1
    unit = WIDTH / most
    height = HEAD + ROW * len(rows) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" '
             f'height="{height}" font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="20" font-weight="bold">measured rate ÷ goal</text>']
    for index, (name, value) in enumerate(rows):
        top = HEAD + index * ROW
        colour = '#2a7f62' if value >= 1 else '#c0562f'
        parts += [f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{name}</text>',
                  f'<rect x="{LEFT}" y="{top + 2}" width="{value * unit:.1f}" height="{ROW - 8}" '
                  f'fill="{colour}"/>',
                  f'<text x="{LEFT + value * unit + 6:.1f}" y="{top + 15}">{value:.2f}</text>']
    goal = LEFT + unit
    parts += [f'<line x1="{goal:.1f}" y1="{HEAD - 8}" x2="{goal:.1f}" y2="{height - 14}" '
              'stroke="black" stroke-dasharray="4 3"/>', '</svg>']
    return '\n'.join(parts) + '\n'
